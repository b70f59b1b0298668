internal import CLinux
internal import Glibc

/// A thread of the operating system, outside of Swift's pool, because it blocks.
enum Thread {
    private final class Body {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// Starts a thread; join it with `pthread_join`.
    static func start(named name: String, _ body: @escaping @Sendable () -> Void) -> pthread_t {
        var thread = pthread_t()
        let argument = Unmanaged.passRetained(Body(body)).toOpaque()
        let failure = pthread_create(
            &thread,
            nil,
            { argument in
                Unmanaged<Body>.fromOpaque(argument!).takeRetainedValue().run()
                return nil
            },
            argument
        )
        precondition(failure == 0, "no thread: \(String(cString: strerror(failure)))")
        linux_name_thread(thread, name)
        return thread
    }
}
