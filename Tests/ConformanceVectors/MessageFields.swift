/// A message of kv.proto as the vectors write it: its fields by name, those at their defaults left out.
package struct MessageFields: Decodable, Sendable {
    private indirect enum Value: Decodable, Sendable {
        case flag(Bool)
        case number(Int64)
        case text(String)
        case list([Value])
        case message(MessageFields)

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let flag = try? container.decode(Bool.self) {
                self = .flag(flag)
            } else if let number = try? container.decode(Int64.self) {
                self = .number(number)
            } else if let text = try? container.decode(String.self) {
                self = .text(text)
            } else if let list = try? container.decode([Value].self) {
                self = .list(list)
            } else {
                self = .message(try container.decode(MessageFields.self))
            }
        }
    }

    private let values: [String: Value]

    package init(from decoder: any Decoder) throws {
        // A dictionary: the decoder leaves its keys as they are.
        values = try decoder.singleValueContainer().decode([String: Value].self)
    }

    package func flag(_ name: String) -> Bool {
        if case .flag(let flag) = values[name] { flag } else { false }
    }

    package func text(_ name: String) -> String {
        if case .text(let text) = values[name] { text } else { "" }
    }

    package func bytes(_ name: String) -> [UInt8] { [UInt8](hexadecimal: text(name)) ?? [] }

    /// A number of at most 32 bits, or one of 64, which stands there as text.
    package func number<Number: FixedWidthInteger>(_ name: String, as: Number.Type = Number.self) -> Number {
        if case .number(let number) = values[name] { Number(number) } else { Number(text(name)) ?? 0 }
    }

    package func message(_ name: String) -> MessageFields? {
        if case .message(let fields) = values[name] { fields } else { nil }
    }

    package func messages(_ name: String) -> [MessageFields] {
        list(name) { if case .message(let fields) = $0 { fields } else { nil } }
    }

    package func texts(_ name: String) -> [String] {
        list(name) { if case .text(let text) = $0 { text } else { nil } }
    }

    package func numbers(_ name: String) -> [Int] {
        list(name) { if case .number(let number) = $0 { Int(number) } else { nil } }
    }

    private func list<Element>(_ name: String, _ transform: (Value) -> Element?) -> [Element] {
        if case .list(let list) = values[name] { list.compactMap(transform) } else { [] }
    }
}
