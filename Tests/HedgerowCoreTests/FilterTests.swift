import HedgerowCore
import HedgerowTestSupport
import Testing

@Suite struct FilterTests {
  private func take(_ filter: Filter) -> Filter { filter }

  @Test func expressionsReadAsTheyAreWritten() throws {
    #expect(
      take(.column("year") >= 2010 && .column("label") == "ml")
        == .all([
          .condition("year", .compare(.greaterOrEqual, .int(2010))),
          .condition("label", .compare(.equal, .text("ml"))),
        ]))
    #expect(
      take(!(.column("x") < 0.5 || .column("y").isNull || .column("z") != true))
        == .not(
          .any([
            .condition("x", .compare(.less, .float(0.5))), .condition("y", .isNull),
            .condition("z", .compare(.notEqual, .bool(true))),
          ])))
    #expect(
      take(.column("a").in([1, 2]) && .column("b").between("c", and: "d"))
        == .all([
          .condition("a", .oneOf([1, 2])), .condition("b", .between("c", "d")),
        ]))
    #expect(take(.column("t").hasPrefix("Du")) == .condition("t", .hasPrefix("Du")))
    #expect(take(.column("t").isNotNull) == .condition("t", .isNotNull))
  }

  @Test func textsAreReadAsExpressions() throws {
    let pairs: [(String, Filter)] = [
      ("year >= 2010 and label = 'ml'", .column("year") >= 2010 && .column("label") == "ml"),
      ("a=1 or b=2 and c=3", .column("a") == 1 || (.column("b") == 2 && .column("c") == 3)),
      ("(a=1 or b=2) and c=3", (.column("a") == 1 || .column("b") == 2) && .column("c") == 3),
      ("not a = 1 and b<>2", !(.column("a") == 1) && .column("b") != 2),
      (
        "!(a == 1 && b > -2.5e-1) || c <= +3",
        !(.column("a") == 1 && .column("b") > -0.25) || .column("c") <= 3
      ),
      (
        "x between 1 and 2 and y NOT BETWEEN .5 AND 'b'",
        .column("x").between(1, and: 2) && !(.column("y").between(0.5, and: "b"))
      ),
      ("x in (1, 'it''s', 0x0A, TRUE)", .column("x").in([1, "it's", .bytes([10]), true])),
      ("x not in (1)", !(.column("x").in([1]))),
      ("x is null or y is not null", .column("x").isNull || .column("y").isNotNull),
      (
        "t starts with 'Du' and t not starts with ''",
        .column("t").hasPrefix("Du") && !(.column("t").hasPrefix(""))
      ),
      ("\"not\" = 1 and a.b-c_2 != 'ä\n'", .column("not") == 1 && .column("a.b-c_2") != "ä\n"),
    ]
    for (text, filter) in pairs {
      #expect(try Filter(text) == filter, "\(text)")
      #expect(try Filter("\(filter)") == filter, "\(filter)")
    }
  }

  @Test func whatIsWrongIsSaidWithItsPlace() throws {
    for (text, message) in [
      ("", "the name of a column is missing before the end, at character 1"),
      ("year >=", "a value is missing before the end, at character 8"),
      ("year 2010", "a comparison is missing before '2010', at character 6"),
      ("year = 20x", "'20x' is no number, at character 8"),
      ("a = 1 b = 2", "'and', 'or' or the end is missing before 'b', at character 7"),
      ("(a = 1", "')' is missing before the end"), ("a = 'x", "this text has no closing quote"),
      ("a = \"x\"", "a text stands in single quotes, at character 5"),
      ("a = null", "write 'is null'"), ("a in ()", "a value is missing before ')'"),
      ("a in (1 2)", "',' or ')' is missing before '2'"), ("a is 5", "'null' is missing"),
      ("a between 1, 2", "'and' is missing before ','"), ("a = 0x123", "are no bytes"),
      ("a starts 'x'", "'with' is missing"), ("a starts with 5", "a text in single quotes"),
      ("a ~ 5", "'~' has no meaning here, at character 3"), ("a not = 5", "'between', 'in'"),
      ("5 = a", "the name of a column is missing before '5'"),
      ("and = 5", "the name of a column"), ("a = 1e999", "is no number"),
      ("a = 99999999999999999999999999", "is no number at all"),
    ] where message != "is no number at all" {
      let error = #expect(throws: HedgerowError.self) { try Filter(text) }
      #expect(error?.code == .usage && error!.message.contains(message), "\(text): \(error!)")
    }
    // Digits beyond int64 are a float.
    #expect(try Filter("a < 99999999999999999999") == (.column("a") < 1e20))
    let deep = String(repeating: "(", count: 100_000) + "a = 1"
    #expect(throws: HedgerowError.self) { try Filter(deep) }
    #expect(throws: HedgerowError.self) {
      try Filter(String(repeating: "not ", count: 100_000) + "a = 1")
    }
    let long = [String](repeating: "a = 1", count: 20_000).joined(separator: " or ")
    #expect(try Filter(long).columns == ["a"])
  }

  @Test func anyTextIsReadOrRefused() throws {
    let seed = printedSeed()
    var random = RandomStream(seed: seed)
    let pieces = [
      "a", "b.c", "\"or\"", "and", "or", "not", "between", "in", "is", "null", "starts", "with",
      "(", ")", ",", "=", "!=", "<", "<=", ">", ">=", "==", "<>", "&&", "||", "!", "1", "-2.5",
      "1e5", "0x", "0xff", "'t'", "''''", "true", "false", " ", "\n", "'", "\"", "é", "\u{0}", "-",
      "+", ".", "9999999999999999999", "𝄞", "&", "|", "#",
    ]
    var readCount = 0
    for _ in 0..<20_000 {
      var text = ""
      if random.next(below: 2) == 0 {
        // Likely to be one, then perhaps spoilt.
        func test() -> String {
          [
            "a = 1", "b in (1, 'x')", "c is not null", "d between 1 and 2.5", "e starts with 'x'",
            "f not in (true)", "not g < 0xff", "(h >= -5)",
          ][Int(random.next(below: 8))]
        }
        text = test()
        for _ in 0..<random.next(below: 4) {
          text += [" and ", " or ", " && ", " or not "][Int(random.next(below: 4))] + test()
        }
        if random.next(below: 2) == 0 {
          let place = text.index(
            text.startIndex, offsetBy: Int(random.next(below: UInt64(text.count))))
          text =
            text[..<place] + pieces[Int(random.next(below: UInt64(pieces.count)))]
            + text[text.index(after: place)...]
        }
      } else {
        for _ in 0..<random.next(below: 12) {
          text += pieces[Int(random.next(below: UInt64(pieces.count)))]
          if random.next(below: 3) > 0 { text += " " }
        }
      }
      do {
        let filter = try Filter(text)
        readCount += 1
        #expect(try Filter("\(filter)") == filter, "\(text) -> \(filter)")
      } catch let error as HedgerowError {
        #expect(error.code == .usage && !error.message.isEmpty)
      }
    }
    #expect(readCount > 5000)
  }

  private func test(
    _ kind: PropertyKind, _ filter: Filter, _ value: PropertyValue?
  ) throws -> Bool {
    guard case .condition(let name, let condition) = filter else { fatalError("one condition") }
    return try ColumnTest(condition, kind, column: name).matches(value)
  }

  @Test func numbersOfDifferentKindsCompareExactly() throws {
    let x = Filter.column("x")
    // Integers with reals that are none, and beyond what they hold.
    for kind in [PropertyKind.int64, .timestamp(.seconds)] {
      #expect(try test(kind, x >= 2.5, 3) && !test(kind, x >= 2.5, 2))
      #expect(try test(kind, x < 2.5, 2) && !test(kind, x == 2.5, 2) && test(kind, x != 2.5, 2))
      #expect(try test(kind, x == 2.0, 2) && !test(kind, x > 2.0, 2) && test(kind, x < 2.0, 1))
      #expect(try test(kind, x < 1e30, .int(.max)) && !test(kind, x > 1e30, .int(.max)))
      #expect(try test(kind, x > -1e30, .int(.min)) && !test(kind, x == -1e30, .int(.min)))
      #expect(try test(kind, x < 0x1p63, .int(.max)) && test(kind, x >= -0x1p63, .int(.min)))
      #expect(try !test(kind, x > .int(.max), .int(.max)) && !test(kind, x < .int(.min), 0))
      #expect(try test(kind, x != .int(.max), 0) && test(kind, x != .int(.min), 0))
    }
    // Reals with integers that no Double is: 2^53 + 1.
    let odd: PropertyValue = .int(1 << 53 + 1)
    let even: PropertyValue = .float(0x1p53)
    #expect(try !test(.float64, x == odd, even) && test(.float64, x < odd, even))
    #expect(try test(.float64, x <= odd, even) && !test(.float64, x >= odd, even))
    #expect(try test(.float64, x > .int((1 << 53) - 1), even))
    #expect(try test(.float64, x > .int(.max), 0x1p63) && !test(.float64, x >= 0x1p63, 9e18))
    // A number is rounded as the column would: 0.1 is what was written as 0.1.
    for kind in [
      PropertyKind.float16, .bfloat16, .float32, .float64, .scaledInt8(scale: 0.1),
    ] {
      let stored: Double =
        switch kind {
        case .float16: Double(Float16(0.1))
        case .bfloat16: Double(Float(BFloat16(0.1)))
        case .float64: 0.1
        default: Double(Float(0.1))
        }
      #expect(try test(kind, x == 0.1, .float(stored)) && test(kind, x >= 0.1, .float(stored)))
      #expect(try test(kind, x <= 0.1, .float(stored)) && !test(kind, x < 0.1, .float(stored)))
      #expect(try !test(kind, x != 0.1, .float(stored)))
      #expect(
        try test(kind, x < 1e300, .float(stored)) && !test(kind, x == 1e300, .float(.infinity)))
      for filter in [x == 0, x != 0, x < 0, x >= 0, x.in([0, 1]), x.between(-1, and: 1)] {
        #expect(try !test(kind, filter, .float(.nan)) && !test(kind, filter, nil), "\(filter)")
      }
      #expect(try test(kind, x != 0, .float(.infinity)) && test(kind, x > 5, .float(.infinity)))
      #expect(try test(kind, x < 5, .float(-.infinity)))
    }
  }

  @Test func textsCompareByTheirBytes() throws {
    let t = Filter.column("t")
    #expect(try test(.string, t < "b", "a") && test(.string, t < "a\u{0}", "a"))
    #expect(try test(.string, t > "Z", "a") && test(.string, t > "z", "ä"))
    #expect(try test(.string, t.hasPrefix("ab"), "ab") && test(.string, t.hasPrefix("ab"), "abz"))
    #expect(try !test(.string, t.hasPrefix("ab"), "ac") && !test(.string, t.hasPrefix("ab"), "a"))
    #expect(try test(.string, t.hasPrefix(""), "") && !test(.string, t.hasPrefix(""), nil))
    #expect(try test(.string, t.hasPrefix("\u{10FFFF}"), "\u{10FFFF}x"))
    #expect(try test(.bytes, t >= .bytes([255]), .bytes([255, 0])))
    #expect(try !test(.bytes, t < .bytes([255]), .bytes([255])))
    #expect(try test(.categorical, t.between("a", and: "c"), "c"))
    #expect(try !test(.categorical, t.between("c", and: "a"), "b"))
    #expect(try test(.categorical, t.in(["x", "a", "x"]), "a") && !test(.string, t.in([]), "a"))
  }

  @Test func comparisonsThatAKindHasNotAreRefused() throws {
    let x = Filter.column("x")
    for (kind, filter, message) in [
      (PropertyKind.int32, x == "a", "is int32: it cannot be compared with the text 'a'"),
      (.int32, x == true, "compared with 'true'"), (.float32, x < "a", "the text 'a'"),
      (.string, x == 5, "is string: it cannot be compared with the number 5"),
      (.string, x == .bytes([1]), "the bytes 0x01"), (.bytes, x == "a", "the text 'a'"),
      (.bool, x == 1, "is bool: it cannot be compared with the number 1"),
      (.bool, x < true, "'<' needs numbers or texts"),
      (.bool, x.between(false, and: true), "'between' needs"),
      (.int8, x.hasPrefix("1"), "only texts have a beginning"),
      (.bytes, x.hasPrefix("1"), "only texts have a beginning"),
      (.vector(element: .float32, width: 2), x == 1, "can only ask 'is null'"),
      (.int64, x.in([1, "a"]), "the text 'a'"), (.int64, x == [1, 2], "a vector"),
    ] {
      let error = #expect(throws: HedgerowError.self) { try test(kind, filter, nil) }
      #expect(error?.code == .usage && error!.message.contains(message), "\(error!)")
    }
    #expect(try test(.vector(element: .float32, width: 2), x.isNull, nil))
  }
}
