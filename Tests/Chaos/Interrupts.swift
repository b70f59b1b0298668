internal import Dispatch
internal import Foundation
internal import Synchronization

/// Ctrl-C leaves nothing behind: no process, no directory.
enum Interrupts {
    /// Of the history that is being made.
    static let directory = Mutex<URL?>(nil)

    /// - Returns: what has to be kept for as long as signals are to be heeded.
    static func install() -> [any DispatchSourceSignal] {
        [SIGINT, SIGTERM, SIGHUP].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                Children.killAll()
                if let directory = directory.withLock({ $0 }) { try? FileManager.default.removeItem(at: directory) }
                exit(128 + number)
            }
            source.resume()
            return source
        }
    }
}
