internal import CKeyValueProto

/// A method's number in a frame: its service in the high byte, its place in the service in the low one.
public struct Method: Sendable, Hashable, RawRepresentable {
    /// As in a frame's header.
    public var rawValue: UInt16

    /// Any number; only those of kv.proto are known.
    @inlinable
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// `kv.Kv.Get`.
    @inlinable public static var get: Method { Method(rawValue: 0x0000) }
    /// `kv.Kv.Set`.
    @inlinable public static var set: Method { Method(rawValue: 0x0001) }
    /// `kv.Kv.Delete`.
    @inlinable public static var delete: Method { Method(rawValue: 0x0002) }
    package static let getShardContents = Method(rawValue: 0x0003)
    package static let getStatus = Method(rawValue: 0x0004)
    package static let getShardMap = Method(rawValue: 0x0005)
    package static let exchangeView = Method(rawValue: 0x0006)
    package static let proceed = Method(rawValue: 0x0007)
    package static let exchange = Method(rawValue: 0x0100)
    package static let activate = Method(rawValue: 0x0101)
    package static let compare = Method(rawValue: 0x0102)
    package static let getDigests = Method(rawValue: 0x0103)
    package static let getVersions = Method(rawValue: 0x0104)
    package static let getRecords = Method(rawValue: 0x0105)
    package static let getChanges = Method(rawValue: 0x0106)

    /// Every method of kv.proto with its full name (`kv.Kv.Get`), from the generated service descriptors.
    package static let all: [(method: Method, name: String)] =
        [kv_service_descriptor(), kv_peer_service_descriptor()].enumerated().flatMap { number, descriptor in
            let service = descriptor!.pointee
            return (0..<Int(service.n_methods)).map { place in
                (
                    Method(rawValue: UInt16(number) << 8 | UInt16(place)),
                    String(cString: service.name) + "." + String(cString: service.methods[place].name)
                )
            }
        }
}
