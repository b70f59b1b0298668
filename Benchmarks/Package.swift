// swift-tools-version: 6.3
import PackageDescription

/// The benchmark tools, in C, so that one toolchain builds them and none of their cost is the project's own.
/// scripts/bench.sh builds and runs them; the root package does not know them.
let package = Package(
    name: "Benchmarks",
    products: [
        .executable(name: "load-generator", targets: ["load-generator"]),
        .executable(name: "echo-server", targets: ["echo-server"]),
    ],
    targets: [
        .target(name: "LoadGeneratorCore", linkerSettings: [.linkedLibrary("m")]),
        .executableTarget(name: "load-generator", dependencies: ["LoadGeneratorCore"]),
        .executableTarget(name: "echo-server", dependencies: ["LoadGeneratorCore"]),
    ],
    cLanguageStandard: .gnu17
)
