/// The files that lexicographers wrote synsets in, by number: lexnames(5WN). They are no part of the
/// database, but WordNet's own library knows their names, too.
enum LexicographerFile {
  static let names = [
    "adj.all", "adj.pert", "adv.all", "noun.Tops", "noun.act", "noun.animal", "noun.artifact",
    "noun.attribute", "noun.body", "noun.cognition", "noun.communication", "noun.event",
    "noun.feeling", "noun.food", "noun.group", "noun.location", "noun.motive", "noun.object",
    "noun.person", "noun.phenomenon", "noun.plant", "noun.possession", "noun.process",
    "noun.quantity", "noun.relation", "noun.shape", "noun.state", "noun.substance", "noun.time",
    "verb.body", "verb.change", "verb.cognition", "verb.communication", "verb.competition",
    "verb.consumption", "verb.contact", "verb.creation", "verb.emotion", "verb.motion",
    "verb.perception", "verb.possession", "verb.social", "verb.stative", "verb.weather", "adj.ppl",
  ]

  static func name(
    _ number: Int, of part: PartOfSpeech
  ) throws(WordNetSyntax) -> String {
    guard names.indices.contains(number), names[number].hasPrefix("\(part.suffix).") else {
      throw WordNetSyntax("is of lexicographer file \(number), which is none of \(part)s")
    }
    return names[number]
  }
}
