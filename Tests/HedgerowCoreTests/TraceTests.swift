import Foundation
import HedgerowCore
import HedgerowTestSupport
import Testing

@Suite struct TraceTests {
  @Test func stagesOfAllThreadsAreInTheFile() throws {
    let directory = TemporaryDirectory()
    let trace = try Trace(path: directory("trace.json"))
    let pool = ThreadPool(threadCount: 4)
    pool.run(parts: 100) { part in
      let start = ContinuousClock.now
      trace.add("work", from: start, to: start + .microseconds(part), batch: part)
    }
    let start = ContinuousClock.now
    trace.add("rest", from: start, to: start)
    try trace.finish()
    try trace.finish()
    trace.add("late", from: start, to: start)
    let data = try Data(contentsOf: URL(filePath: directory("trace.json")))
    let events = try #require(try JSONSerialization.jsonObject(with: data) as? [[String: Any]])
    let work = events.filter { $0["name"] as? String == "work" }
    let durations = work.map { event -> [Int] in
      let arguments = event["args"] as? [String: Any]
      return [arguments?["batch"] as? Int ?? -1, event["dur"] as? Int ?? -1]
    }
    #expect(durations.sorted { $0[0] < $1[0] } == (0..<100).map { [$0, $0] })
    #expect(events.count { $0["name"] as? String == "rest" } == 1)
    #expect(!events.contains { $0["name"] as? String == "late" })
  }

  @Test func aFileThatCannotBeWrittenIsNamed() {
    let directory = TemporaryDirectory()
    #expect {
      _ = try Trace(path: directory("missing/trace.json"))
    } throws: { "\($0)".contains("missing/trace.json") }
  }
}
