import GRPCCore
import GRPCNIOTransportHTTP2

/// `serve --port N` echoes; `call --port N …` measures it as client-benchmark measures our client: closed loop, one
/// connection, the same fields in one line of JSON.
@main
struct GRPCPeer {
    struct UsageError: Error {}

    static func main() async throws {
        var arguments = CommandLine.arguments.dropFirst()
        let action = arguments.popFirst()
        var options: [String: String] = [:]
        while let name = arguments.popFirst() {
            guard let value = arguments.popFirst() else { throw UsageError() }
            options[name] = value
        }
        guard let port = options["--port"].flatMap({ Int($0) }) else { throw UsageError() }
        switch action {
        case "serve": try await serve(port: port)
        case "call":
            try await call(
                port: port,
                callers: options["--callers"].flatMap { Int($0) } ?? 64,
                warmup: options["--warmup"].flatMap { Double($0) } ?? 0.5,
                seconds: options["--seconds"].flatMap { Double($0) } ?? 2
            )
        default: throw UsageError()
        }
    }

    private static func serve(port: Int) async throws {
        let server = GRPCServer(
            transport: .http2NIOPosix(address: .ipv4(host: "127.0.0.1", port: port), transportSecurity: .plaintext),
            services: [Echo()]
        )
        try await server.serve()
    }

    private static func call(port: Int, callers: Int, warmup: Double, seconds: Double) async throws {
        let transport = try HTTP2ClientTransport.Posix(
            target: .ipv4(address: "127.0.0.1", port: port),
            transportSecurity: .plaintext
        )
        try await withGRPCClient(transport: transport) { client in
            let begin = Clocks.monotonic + UInt64(warmup * 1e9)
            let end = begin + UInt64(seconds * 1e9)
            async let cpu = cpu(from: begin, to: end)
            let (latencies, errors) = await withTaskGroup(of: (Histogram, Int).self) { group in
                for _ in 0..<callers { group.addTask { await loop(client, from: begin, to: end) } }
                return await group.reduce(into: (Histogram(), 0)) { total, result in
                    total.0.add(result.0)
                    total.1 += result.1
                }
            }
            let microseconds = Double(try await cpu) / 1000 / Double(max(1, latencies.count))
            print(
                """
                {"peer":"grpc-swift-2","operation":"ECHO","callers":\(callers),"value_bytes":32,\
                "ops":\(latencies.count),"ops_per_second":\(Int(Double(latencies.count) / seconds)),\
                "p50_us":\(latencies.microseconds(at: 0.5)),"p99_us":\(latencies.microseconds(at: 0.99)),\
                "client_cpu_us":\((microseconds * 1000).rounded() / 1000),"errors":\(errors)}
                """
            )
        }
    }

    private static func loop(
        _ client: GRPCClient<HTTP2ClientTransport.Posix>,
        from begin: UInt64,
        to end: UInt64
    ) async -> (Histogram, errors: Int) {
        let message = [UInt8](repeating: 7, count: 32)
        var latencies = Histogram()
        var errors = 0
        var options = CallOptions.defaults
        options.timeout = .seconds(10)
        var before = Clocks.monotonic
        while before < end {
            do {
                let answer = try await client.unary(
                    request: ClientRequest(message: message),
                    descriptor: Echo.descriptor,
                    serializer: BytesSerializer(),
                    deserializer: BytesDeserializer(),
                    options: options
                ) { try $0.message }
                if answer != message { errors += 1 }
            } catch { errors += 1 }
            let after = Clocks.monotonic
            if before >= begin, after <= end { latencies.record(nanoseconds: after - before) }
            before = after
        }
        return (latencies, errors)
    }

    /// The process' CPU time between two moments, in nanoseconds.
    private static func cpu(from begin: UInt64, to end: UInt64) async throws -> UInt64 {
        try await Task.sleep(nanoseconds: begin - min(begin, Clocks.monotonic))
        let before = Clocks.cpu
        try await Task.sleep(nanoseconds: end - min(end, Clocks.monotonic))
        return Clocks.cpu - before
    }
}
