import Hedgerow

extension GraphFiles {
  static let wordNet = GraphFiles(
    nodes: [
      (
        .synset,
        "id\tlexname:categorical\tsplit:categorical\ttype:categorical\twords:string\tgloss:string"
      ),
      (.word, "id:string"),
    ],
    edges: PointerKind.allCases.map {
      ($0.edge, "source\ttarget\tsource_word:int16\ttarget_word:int16")
    } + [
      (
        .means,
        "source\ttarget\tsense:int16\tform:string\tplace:int16\tlex_id:int16\tmarker:categorical"
      )
    ],
    target: .synset)
}

extension NodeType {
  static let synset: Self = "synset"
  static let word: Self = "word"
}

extension EdgeType {
  static let means = EdgeType(.word, "means", .synset)
}
