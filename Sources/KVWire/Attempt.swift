/// What a read that need not wait to the end gets from a request.
package enum Attempt: Sendable {
    /// Call it once, with whom to tell the request's end: perhaps at once, on any thread. It returns what cancels the request.
    package typealias Late =
        @Sendable (_ completion: @escaping @Sendable (Result<GetResponse, RPCError>) -> Void) -> @Sendable () -> Void

    case answered(GetResponse)
    /// The answer is still due.
    case late(Late)
}
