import Testing

extension ProcessTests {
    /// A simulated history is decided by its seed alone, not by what differs between processes, as the order of dictionaries does.
    @Suite struct ReplayTests {
        @Test func sameSeedGivesTheSameHistoryInTwoProcesses() async throws {
            var outputs: [String] = []
            for _ in 0..<2 {
                let arguments = ["--seed", "1", "--histories", "8", "--jobs", "1", "--verbose"]
                let result = try await RunningProcess(arguments, executable: Binary.simulate).finish()
                #expect(result.exitCode == 0, "\(result.text)")
                outputs.append(result.text)
            }
            #expect(outputs[0] == outputs[1])
            #expect(outputs[0].contains(" serves shard 1 at epoch 1"))
        }
    }
}
