internal import Glibc

/// The process's limit on open files, which is the one on its connections.
package enum OpenFileLimit {
    package static var current: Int {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return Int(clamping: limit.rlim_cur)
    }

    /// Raises the limit as far as the system lets this process, and returns it.
    @discardableResult
    package static func raise() -> Int {
        var limit = rlimit()
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        getrlimit(resource, &limit)
        limit.rlim_cur = limit.rlim_max
        setrlimit(resource, &limit)
        return current
    }

    /// How many connections the limit leaves room for, besides files and the connections to other servers.
    static var maxConnections: Int { max(current - 256, current / 2) }
}
