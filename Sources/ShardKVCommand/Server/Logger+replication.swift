import KVService
import KVWire
import Logging

extension Logger {
    /// What an operator may want to know of shards that move, start and differ.
    func report(_ event: ReplicationEvent) {
        switch event {
        case .mapIgnored(let epoch, let current):
            error("a shard map of epoch \(epoch) is ignored: epoch \(current) is in force")
        case .joining(let shard, let epoch):
            debug("shard \(shard): joining", metadata: ["epoch": "\(epoch)"])
        case .recovering(let shard, let epoch):
            debug("shard \(shard): recovering", metadata: ["epoch": "\(epoch)"])
        case .sealed(let shard, let epoch):
            debug("shard \(shard): takes no more writes", metadata: ["epoch": "\(epoch)"])
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
                """
                shard \(shard): serving without \(unheard.joined(separator: ", ")), which did not answer: acknowledged writes \
                that only they have are missing until they return
                """
            )
        case .copyFailed(let shard, let source, let failure):
            notice("shard \(shard): copying from \(source) failed: \(failure)")
        case .leaving(let shard, let epoch, let owners):
            info("shard \(shard): leaving to \(owners.joined(separator: ", "))", metadata: ["epoch": "\(epoch)"])
        case .handedOver(let shard, let epoch):
            info("shard \(shard): handed over", metadata: ["epoch": "\(epoch)"])
        case .dropped(let shard, let epoch):
            info("shard \(shard): dropped, no node owns it", metadata: ["epoch": "\(epoch)"])
        case .repaired(let shard, let source, let records):
            notice("shard \(shard): got \(records) records that it lacked from \(source)")
        case .lateCopyIgnored(let shard, let source):
            warning("shard \(shard): what \(source) still holds is too old to be merged")
        case .forgotten(let shard):
            warning("shard \(shard): the other replicas have not heard of this one for minutes: it starts anew")
        }
    }
}
