/// From when to when something was under way, in microseconds since 1970 by the one steady clock of whoever observes.
package struct Span: Sendable, Hashable {
    /// The time of an end that never came.
    package static let never = UInt64.max

    package var begin: UInt64
    /// `never` = no answer came.
    package var end: UInt64

    package init(_ begin: UInt64, _ end: UInt64) {
        self.begin = begin
        self.end = end
    }

    /// It had ended when the other began: not at the same moment, which is no order.
    package func precedes(_ other: Span) -> Bool { end < other.begin }
}
