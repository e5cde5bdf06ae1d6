import Hedgerow

/// What a synset, or a word of it, points at another one as: the symbols of wninput(5WN). The raw value
/// is the relation that its edges have.
enum PointerKind: String, CaseIterable {
  case antonym, hypernym
  case instanceHypernym = "instance_hypernym"
  case hyponym
  case instanceHyponym = "instance_hyponym"
  case memberHolonym = "member_holonym"
  case substanceHolonym = "substance_holonym"
  case partHolonym = "part_holonym"
  case memberMeronym = "member_meronym"
  case substanceMeronym = "substance_meronym"
  case partMeronym = "part_meronym"
  case attribute
  case derivation
  case topicDomain = "topic_domain"
  case topicMember = "topic_member"
  case regionDomain = "region_domain"
  case regionMember = "region_member"
  case usageDomain = "usage_domain"
  case usageMember = "usage_member"
  case entailment, cause
  case alsoSee = "also_see"
  case verbGroup = "verb_group"
  case similar, participle, pertainym

  var symbol: String {
    switch self {
    case .antonym: "!"
    case .hypernym: "@"
    case .instanceHypernym: "@i"
    case .hyponym: "~"
    case .instanceHyponym: "~i"
    case .memberHolonym: "#m"
    case .substanceHolonym: "#s"
    case .partHolonym: "#p"
    case .memberMeronym: "%m"
    case .substanceMeronym: "%s"
    case .partMeronym: "%p"
    case .attribute: "="
    case .derivation: "+"
    case .topicDomain: ";c"
    case .topicMember: "-c"
    case .regionDomain: ";r"
    case .regionMember: "-r"
    case .usageDomain: ";u"
    case .usageMember: "-u"
    case .entailment: "*"
    case .cause: ">"
    case .alsoSee: "^"
    case .verbGroup: "$"
    case .similar: "&"
    case .participle: "<"
    case .pertainym: "\\"
    }
  }

  private static let bySymbol = Dictionary(uniqueKeysWithValues: allCases.map { ($0.symbol, $0) })

  init(symbol: Substring) throws(WordNetSyntax) {
    guard let kind = Self.bySymbol[String(symbol)] else {
      throw WordNetSyntax("has '\(WordNetFields.shown(symbol))' for a pointer, which is none")
    }
    self = kind
  }

  var edge: EdgeType { EdgeType(.synset, rawValue, .synset) }
}
