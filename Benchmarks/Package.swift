// swift-tools-version: 6.3
import PackageDescription

let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("InferIsolatedConformances"),
    .enableUpcomingFeature("ImmutableWeakCaptures"),
]

/// The benchmark tools. Those that measure the server are in C, so that none of their cost is the project's own; the
/// Swift client is measured by itself, the way a user's program calls it. The scripts build and run them, each only
/// what it needs; the root package does not know them.
let package = Package(
    name: "Benchmarks",
    products: [
        .executable(name: "load-generator", targets: ["load-generator"]),
        .executable(name: "echo-server", targets: ["echo-server"]),
        .executable(name: "client-benchmark", targets: ["client-benchmark"]),
    ],
    dependencies: [
        .package(name: "shardkv", path: "../")
    ],
    targets: [
        .target(name: "LoadGeneratorCore", linkerSettings: [.linkedLibrary("m")]),
        .executableTarget(name: "load-generator", dependencies: ["LoadGeneratorCore"]),
        .executableTarget(name: "echo-server", dependencies: ["LoadGeneratorCore"]),
        .executableTarget(
            name: "client-benchmark",
            dependencies: [.product(name: "ShardKV", package: "shardkv")],
            swiftSettings: settings
        ),
    ],
    cLanguageStandard: .gnu17
)
