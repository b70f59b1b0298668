internal import KVCore

/// Versions, each with the moment from which it counts.
struct Frontier {
    private let times: [UInt64]
    /// The greatest version that counts at the time of the same index.
    private let greatest: [Version]

    init(_ events: some Sequence<(time: UInt64, version: Version)>) {
        let events = events.sorted { $0.time < $1.time }
        var running = Version.none
        times = events.map(\.time)
        greatest = events.map { event in
            running = max(running, event.version)
            return running
        }
    }

    /// The greatest version of before `time`; none if there is none.
    func before(_ time: UInt64) -> Version {
        var low = 0
        var high = times.count
        while low < high {
            let middle = (low + high) / 2
            if times[middle] < time { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? .none : greatest[low - 1]
    }

    /// The greatest version of up to `time`, which is included.
    func upTo(_ time: UInt64) -> Version { before(time == .max ? time : time + 1) }
}
