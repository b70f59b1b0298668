/// A JSON document as it was written: members in the file's order, repeated names included, numbers as text. That is what it
/// takes to name the place of every fault; decoders that fill a struct stop at the first one and lose the rest.
enum JSONValue: Equatable {
    case null
    case boolean(Bool)
    case number(String)
    case string(String)
    case array([JSONValue])
    case object([Member])

    struct Member: Equatable {
        let name: String
        let value: JSONValue
    }

    /// What it is, with its article, for messages.
    var kind: String {
        switch self {
        case .null: "null"
        case .boolean(let flag): "\(flag)"
        case .number(let text): JSONText.shortened(text)
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}
