import Glibc

/// How much a test does: what an environment variable says, as `HEDGEROW_GRAPHS=1000 swift test ...`, or
/// what the suite has time for.
public func testCount(_ variable: String, otherwise count: Int) -> Int {
  getenv(variable).flatMap { Int(String(cString: $0)) } ?? count
}
