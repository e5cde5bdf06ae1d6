import Glibc
import Hedgerow
import Synchronization

/// Control-C: the first asks the work to stop at the next place where that is safe, the second ends
/// the process at once.
enum Interruption {
  private static let flag = Atomic(false)

  static func install() {
    // Made now: the handler may do nothing but store.
    _ = isRequested
    var action = sigaction()
    action.__sigaction_handler.sa_handler = { _ in
      Interruption.flag.store(true, ordering: .relaxed)
    }
    action.sa_flags = Int32(bitPattern: UInt32(SA_RESETHAND)) | SA_RESTART
    sigaction(SIGINT, &action, nil)
    // Whoever reads our output may go away; that ends us quietly, as it does other commands.
    signal(SIGPIPE, SIG_DFL)
  }

  static var isRequested: Bool { flag.load(ordering: .relaxed) }

  /// - Throws: `interrupted` once the user has asked to stop.
  static func check() throws {
    if isRequested { throw HedgerowError(.interrupted, "interrupted") }
  }
}
