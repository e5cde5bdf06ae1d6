import HedgerowCore
import HedgerowTestSupport

/// A small WordNet in plain values, with its files as wndb(5WN) has them and the rows that become of it.
struct WordNetFixture {
  struct Word {
    var form: String
    var lexID = 0
    var marker = ""
    var lemma: String { form.lowercased() }
  }

  struct Pointer {
    var symbol: String
    var target: Int
    var source = 0
    var word = 0
  }

  struct Synset {
    /// `n`, `v`, `a`, `s` or `r`.
    var type: String
    var file: Int
    var words: [Word]
    var pointers: [Pointer] = []
    var gloss: String
    var part: String { type == "s" ? "a" : type }
  }

  static let suffixes = ["n": "noun", "v": "verb", "a": "adj", "r": "adv"]
  static let notice = "  1 This is a notice  \n  2 of two lines  \n"

  /// In the order of the parts of speech.
  var synsets: [Synset]

  // MARK: Files

  private func line(_ synset: Synset, _ offsets: [Int]) -> String {
    func padded(_ number: Int, _ count: Int, radix: Int = 10) -> String {
      let digits = String(number, radix: radix)
      return String(repeating: "0", count: count - digits.count) + digits
    }
    var fields = [padded(synset.file, 2), synset.type, padded(synset.words.count, 2, radix: 16)]
    for word in synset.words {
      fields.append(word.form + (word.marker.isEmpty ? "" : "(\(word.marker))"))
      fields.append(String(word.lexID, radix: 16))
    }
    fields.append(padded(synset.pointers.count, 3))
    for pointer in synset.pointers {
      fields += [
        pointer.symbol, padded(offsets[pointer.target], 8), synsets[pointer.target].part,
        padded(pointer.source, 2, radix: 16) + padded(pointer.word, 2, radix: 16),
      ]
    }
    if synset.type == "v" { fields += ["02", "+", "08", "00", "+", "02", "01"] }
    return fields.joined(separator: " ") + " | \(synset.gloss)  \n"
  }

  /// Where the line of each synset begins.
  var offsets: [Int] {
    let none = synsets.map { _ in 0 }
    var ends: [String: Int] = [:]
    return synsets.map { synset in
      let start = ends[synset.part] ?? Self.notice.utf8.count
      ends[synset.part] = start + 9 + line(synset, none).utf8.count
      return start
    }
  }

  func key(_ synset: Int) -> String {
    let digits = String(offsets[synset])
    return synsets[synset].part + String(repeating: "0", count: 8 - digits.count) + digits
  }

  /// The last synset of a word is its first sense.
  private func senses(of lemma: String, _ part: String) -> [Int] {
    synsets.indices.filter { index in
      synsets[index].part == part && synsets[index].words.contains { $0.lemma == lemma }
    }.reversed()
  }

  var files: [String: String] {
    var files: [String: String] = [:]
    for (part, suffix) in Self.suffixes {
      files["data.\(suffix)"] = Self.notice
      files["index.\(suffix)"] = Self.notice
      let lemmas = Set(synsets.filter { $0.part == part }.flatMap { $0.words.map(\.lemma) })
      for lemma in lemmas.sorted() {
        let senses = senses(of: lemma, part)
        let keys = senses.map { key($0).dropFirst() }.joined(separator: " ")
        files["index.\(suffix)"]! +=
          "\(lemma) \(part) \(senses.count) 2 @ ; \(senses.count) 0 \(keys)  \n"
      }
    }
    for (synset, offset) in zip(synsets, offsets) {
      let key = "\(offset + 100_000_000)".dropFirst()
      files["data.\(Self.suffixes[synset.part]!)"]! += "\(key) \(line(synset, offsets))"
    }
    return files
  }

  func write(to directory: TemporaryDirectory) {
    for (name, text) in files { directory.write(name, text) }
  }

  // MARK: What becomes of it

  private static func quoted(_ text: String) -> String {
    guard text.contains("\"") else { return text }
    return "\""
      + text.split(separator: "\"", omittingEmptySubsequences: false)
      .joined(separator: "\"\"") + "\""
  }

  func synsetRows(_ lexnames: [String], split: (String) -> String) -> [String] {
    synsets.indices.map { index in
      let synset = synsets[index]
      return [
        key(index), lexnames[synset.file], split(key(index)), synset.type,
        Self.quoted(synset.words.map(\.form).joined(separator: " ")), Self.quoted(synset.gloss),
      ].joined(separator: "\t")
    }
  }

  var wordRows: [String] {
    var rows: [String] = []
    for lemma in synsets.flatMap({ $0.words.map(\.lemma) }) where !rows.contains(lemma) {
      rows.append(lemma)
    }
    return rows
  }

  var meansRows: [String] {
    synsets.indices.flatMap { index in
      synsets[index].words.enumerated().map { place, word in
        let sense = senses(of: word.lemma, synsets[index].part).firstIndex(of: index)! + 1
        return "\(word.lemma)\t\(key(index))\t\(sense)\t\(word.form)\t\(place + 1)\t\(word.lexID)\t"
          + word.marker
      }
    }
  }

  func pointerRows(_ symbol: String) -> [String] {
    synsets.indices.flatMap { index in
      synsets[index].pointers.filter { $0.symbol == symbol }.map { pointer in
        let words = pointer.source == 0 ? "\t" : "\(pointer.source)\t\(pointer.word)"
        return "\(key(index))\t\(key(pointer.target))\t\(words)"
      }
    }
  }
}

extension WordNetFixture {
  static let symbols = [
    "!", "@", "@i", "~", "~i", "#m", "#s", "#p", "%m", "%s", "%p", "=", "+", ";c", "-c", ";r", "-r",
    ";u", "-u", "*", ">", "^", "$", "&", "<", "\\",
  ]

  /// One of so many synsets, with words that come in several and in large and small letters.
  static func drawn(_ count: Int, _ stream: inout RandomStream) -> Self {
    func pick<T>(_ elements: [T]) -> T { elements[Int(stream.next(below: UInt64(elements.count)))] }
    let files = ["n": [3, 5, 28], "v": [29, 43], "a": [0, 1, 44], "s": [0, 44], "r": [2]]
    let syllables = ["a", "B", "ou", "É", "_", "-", "'", ".", "(x", "ß", "7"]
    let pieces = ["a word", ";", " ", "\"quoted\"", "|", "é", ",", "  of", "7"]
    var synsets: [Synset] = []
    for type in ["n", "v", "a", "r"] {
      for _ in 0..<count {
        let type = type == "a" ? pick(["a", "s"]) : type
        let words = (0...stream.next(below: 4)).map { _ in
          Word(
            form: pick(["x", "Y"])
              + (0..<stream.next(below: 3)).map { _ in pick(syllables) }.joined(),
            lexID: Int(stream.next(below: 16)),
            marker: type == "a" ? pick(["", "", "p", "a", "ip"]) : "")
        }
        let gloss = "g" + (0..<stream.next(below: 12)).map { _ in pick(pieces) }.joined() + "."
        synsets.append(Synset(type: type, file: pick(files[type]!), words: words, gloss: gloss))
      }
    }
    for index in synsets.indices {
      for _ in 0..<stream.next(below: 6) {
        let target = Int(stream.next(below: UInt64(synsets.count)))
        var pointer = Pointer(symbol: pick(symbols), target: target)
        if stream.next(below: 2) == 0 {
          pointer.source = 1 + Int(stream.next(below: UInt64(synsets[index].words.count)))
          pointer.word = 1 + Int(stream.next(below: UInt64(synsets[target].words.count)))
        }
        synsets[index].pointers.append(pointer)
      }
    }
    return Self(synsets: synsets)
  }
}
