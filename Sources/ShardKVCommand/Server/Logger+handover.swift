import KVService
import KVWire
import Logging

extension Logger {
    /// What an operator may want to know of a handover.
    func report(_ event: HandoverEvent) {
        switch event {
        case .mapIgnored(let epoch, let current):
            error("a shard map of epoch \(epoch) is ignored: epoch \(current) is in force")
        case .joining(let shard, let epoch):
            debug("shard \(shard): joining", metadata: ["epoch": "\(epoch)"])
        case .serving(let shard, let epoch, let copiedRecords, let copiedBytes):
            info(
                "shard \(shard): serving",
                metadata: [
                    "epoch": "\(epoch)", "copied_records": "\(copiedRecords)",
                    "copied": "\(ByteSize(bytes: copiedBytes).description)",
                ]
            )
        case .waived(let shard, let unheard):
            warning(
                "shard \(shard): serving without the copies of \(unheard.joined(separator: ", ")), which did not answer"
            )
        case .copyFailed(let shard, let source, let failure):
            notice("shard \(shard): copying from \(source) failed: \(failure)")
        case .leaving(let shard, let epoch, let owners):
            info("shard \(shard): leaving to \(owners.joined(separator: ", "))", metadata: ["epoch": "\(epoch)"])
        case .handedOver(let shard, let epoch):
            info("shard \(shard): handed over", metadata: ["epoch": "\(epoch)"])
        case .dropped(let shard, let epoch):
            info("shard \(shard): dropped, no node owns it", metadata: ["epoch": "\(epoch)"])
        }
    }
}
