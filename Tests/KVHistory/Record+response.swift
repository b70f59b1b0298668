internal import KVCore
package import KVWire

extension Record {
    /// What a server answered that was asked for the metadata too.
    package init(_ answer: GetResponse) {
        if answer.wasFound {
            self.init(version: answer.version, value: answer.value, expiresAt: answer.expiresAt)
        } else {
            self = answer.version.isNone ? .none : Record(version: answer.version, kind: answer.kind)
        }
    }
}
