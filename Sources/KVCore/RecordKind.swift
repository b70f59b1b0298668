/// What a stored record says about its key. Only `live` has a value; the others are markers that keep an older
/// write from coming back.
public enum RecordKind: UInt8, Sendable {
    case live = 0
    case deleted = 1
    case expired = 2
}
