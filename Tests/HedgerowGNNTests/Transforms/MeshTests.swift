import HedgerowCore
import HedgerowGNN
import HedgerowTensor
import HedgerowTestSupport
import Testing

@Suite struct MeshTests {
  static let file = """
    OFF # a square, and a triangle
    5 2 0

    0 0 0
    2 0 0
    2 2 0
    0 2 0
    # above
    0 0 3.5e0
    4 0 1 2 3 255 0 0
    3 0\t1 4\r

    """

  func mesh(_ text: String) throws -> Mesh { try Mesh(off: Array(text.utf8), named: "m.off") }

  @Test func facesBecomeTriangles() throws {
    let mesh = try mesh(Self.file)
    #expect(mesh.positions.scalars == [0, 0, 0, 2, 0, 0, 2, 2, 0, 0, 2, 0, 0, 0, 3.5])
    #expect(mesh.triangles.map { [$0.0, $0.1, $0.2] } == [[0, 1, 2], [0, 2, 3], [0, 1, 4]])
    for head in ["OFF5 2 0", "OFF 5 2", "OFF\n5 2 9"] {
      let other = try self.mesh(
        Self.file.replacing("OFF # a square, and a triangle\n5 2 0", with: head))
      #expect(other.triangles.count == 3)
    }
    let directory = TemporaryDirectory()
    let read = try Mesh(offFile: directory.write("m.off", Self.file))
    #expect(read.positions == mesh.positions)
    #expect(try self.mesh("OFF 0 0 0").triangles.isEmpty)
  }

  @Test(arguments: [
    ("", 0), ("PLY\n", 1), ("OFF\n", 1), ("OFF\n1 2 3 4\n", 2), ("OFF\n-1 0 0\n", 2),
    ("OFF\n99999999999999999999 0 0\n", 2), ("OFF 4294967295 1 0\n1 2 3\n", 2),
    ("OFF 1 0 0\n1 2\n", 2), ("OFF 1 0 0\n1 2 x\n", 2), ("OFF 1 0 0\n1 nan 2\n", 2),
    ("OFF 1 0 0\n1 2 1e99\n", 2), ("OFF 1 1 0\n0 0 0\n3 0 0 1\n", 3),
    ("OFF 1 1 0\n0 0 0\n2 0 0\n", 3), ("OFF 1 1 0\n0 0 0\n4000000000 0 0\n", 3),
    ("OFF 1 1 0\n0 0 0\n3 0 0\n", 3), ("OFF 1 1 0\n\n0 0 0\n\n3 0 -1 0\n", 5),
    ("OFF 1 1 0\n0 0 0", 2),
  ])
  func whatIsNoMeshIsRefusedWithItsLine(text: String, line: Int) {
    do {
      _ = try mesh(text)
      Issue.record("'\(text)' is taken for a mesh")
    } catch let error as HedgerowError {
      #expect(error.code == .badData && error.place == "m.off:\(line)", "\(error) of '\(text)'")
    } catch {
      Issue.record("\(error)")
    }
  }

  @Test func mangledFilesNeverTrap() {
    let seed = printedSeed()
    var stream = RandomStream(seed: seed)
    let bytes = Array(Self.file.utf8)
    for _ in 0..<2000 {
      var mangled = bytes
      for _ in 0...stream.next(below: 4) {
        let place = Int(stream.next(below: UInt64(mangled.count)))
        switch stream.next(below: 3) {
        case 0: mangled[place] = UInt8(truncatingIfNeeded: stream.next())
        case 1: mangled.remove(at: place)
        default: mangled.insert(UInt8(48 + stream.next(below: 10)), at: place)
        }
      }
      do {
        let mesh = try Mesh(off: mangled, named: "m.off")
        _ = try mesh.sampled(3, from: stream)
      } catch let error as HedgerowError {
        #expect(error.code == .badData)
      } catch {
        Issue.record("\(error)")
      }
    }
    do {
      _ = try Mesh(off: [UInt8](repeating: 32, count: 3 << 20), named: "m.off")
      Issue.record("a line without an end is read")
    } catch {
      #expect("\(error)".contains("m.off:1"))
    }
  }

  @Test func filesThatAreNotThereAreSaidSo() {
    let directory = TemporaryDirectory()
    for (path, code) in [(directory("none"), HedgerowError.Code.noInput), (directory.path, .io)] {
      do {
        _ = try Mesh(offFile: path)
        Issue.record("there is no such file")
      } catch let error as HedgerowError {
        #expect(error.code == code && error.place == path)
      } catch {
        Issue.record("\(error)")
      }
    }
  }

  @Test func pointsAreDrawnByArea() throws {
    let seed = printedSeed()
    let mesh = try mesh(Self.file)
    let count = 20_000
    let (points, normals) = try mesh.sampled(count, from: RandomStream(seed: seed))
    let (p, n) = (points.scalars, normals.scalars)
    var above = 0
    var sums = [0.0, 0.0]
    for place in 0..<count {
      let (x, y, z) = (p[3 * place], p[3 * place + 1], p[3 * place + 2])
      if n[3 * place + 2] == 1 {
        #expect(z == 0 && (0...2).contains(x) && (0...2).contains(y))
        sums[0] += Double(x)
        sums[1] += Double(y)
      } else {
        above += 1
        // The triangle's front is seen from negative y.
        #expect(n[3 * place + 1] == -1 && y == 0 && x / 2 + z / 3.5 <= 1.0001)
      }
    }
    // Areas 4 and 3.5; four standard deviations.
    let share = 3.5 / 7.5
    let deviation = (share * (1 - share) * Double(count)).squareRoot()
    #expect(abs(Double(above) - share * Double(count)) < 4 * deviation)
    let left = Double(count - above)
    for sum in sums {
      #expect(abs(sum / left - 1) < 4 * (1 / 3.0).squareRoot() / left.squareRoot())
    }
    // A point does not depend on how many there are.
    let few = try mesh.sampled(5, from: RandomStream(seed: seed)).points
    #expect(few == points.prefix(rows: 5))
    #expect(throws: HedgerowError.self) {
      try Mesh(positions: .zeros([3, 3]), triangles: [(0, 1, 2)])
        .sampled(1, from: RandomStream(seed: seed))
    }
  }

  @Test func pointsAreMovedTurnedAndScaled() {
    let seed = printedSeed()
    let stream = RandomStream(seed: seed)
    let points = Tensor.random([500, 3], seed: seed)
    let moved = jittered(points, by: [0.1, 0, 2], from: stream) - points
    for column in 0..<3 {
      let sizes = abs(moved).sliced(column..<column + 1, along: 1).scalars
      let bound: Float = [0.1, 0, 2][column]
      #expect(sizes.allSatisfy { $0 <= bound + 1e-6 } && sizes.max()! >= 0.9 * bound)
    }
    // Values of RandomRotate of PyTorch Geometric 2.8.1, by 90 degrees.
    let right = Double.pi / 2
    let one = Tensor([[1, 2, 3]])
    for (axis, expected) in [
      (RotationAxis.x, [1, 3, -2] as [Float]), (.y, [-3, 2, 1]), (.z, [2, -1, 3]),
    ] {
      #expect(largestDifference(rotated(one, by: right, around: axis).scalars, expected) < 1e-6)
    }
    #expect(largestDifference(rotated(Tensor([[1, 2]]), by: right).scalars, [2, -1]) < 1e-6)
    let turned = rotated(points, in: -1...1, around: .y, from: stream)
    let lengths = sum(square(turned), along: 1) - sum(square(points), along: 1)
    #expect(abs(lengths).scalars.allSatisfy { $0 < 1e-5 } && turned != points)
    let factor = scaled(Tensor([[1]]), in: 2...3, from: stream).scalars[0]
    #expect((2...3).contains(factor))
    #expect(scaled(Tensor([[1]]), in: 2...3, from: stream).scalars[0] == factor)
  }
}
