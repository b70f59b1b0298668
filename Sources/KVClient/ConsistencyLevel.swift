/// How many of a shard's replicas must have answered before a call is answered.
package enum ConsistencyLevel: Sendable {
    case one
    /// A majority: any two of them share a replica.
    case quorum
    case all

    package func count(of replicas: Int) -> Int {
        switch self {
        case .one: min(1, replicas)
        case .quorum: replicas / 2 + 1
        case .all: replicas
        }
    }
}
