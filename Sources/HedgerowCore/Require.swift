/// Ends the program with a message unless `condition` holds: what a wrong shape or index in the
/// caller's program comes to. `precondition` would drop its message in release builds.
@inlinable @inline(__always)
package func require(
  _ condition: @autoclosure () -> Bool,
  _ message: @autoclosure () -> String = "a rule of the call was broken",
  file: StaticString = #fileID, line: UInt = #line
) {
  if !condition() { fatalError(message(), file: file, line: line) }
}
