// swift-tools-version: 6.3
import PackageDescription

/// A unary echo over grpc-swift-2, server and client, for scripts/bench-client.sh --with-grpc. A package of its own, so that
/// nothing else builds gRPC.
let package = Package(
    name: "GRPCPeer",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(url: "https://github.com/grpc/grpc-swift-2", exact: "2.4.3"),
        .package(url: "https://github.com/grpc/grpc-swift-nio-transport", exact: "2.9.2"),
    ],
    targets: [
        .executableTarget(
            name: "grpc-peer",
            dependencies: [
                .product(name: "GRPCCore", package: "grpc-swift-2"),
                .product(name: "GRPCNIOTransportHTTP2", package: "grpc-swift-nio-transport"),
            ]
        )
    ]
)
