import Testing

/// The tests of real processes, one after the other: they share two cores, and each is to see its own cluster only.
@Suite(.serialized)
enum ProcessTests {}
