# Reads one line per pair of runs, `cell <tab> peer <tab> our JSON <tab> the peer's JSON`, and writes a table, one line
# of JSON per cell and peer, and the geometric means beside the targets. Exits with 1 if any cell is invalid.

function field(json, name,    place, rest) {
    place = index(json, "\"" name "\":")
    if (place == 0) return 0
    rest = substr(json, place + length(name) + 3)
    if (substr(rest, 1, 1) == "\"") return substr(rest, 2, index(substr(rest, 2), "\"") - 1)
    return rest + 0
}

# Sorts sample[pair, what, 1...runs]; then the median is in the middle, and the spread at the ends.
function sort(pair, what,    place, other, value) {
    for (place = 2; place <= runs[pair]; place++) {
        value = sample[pair, what, place]
        for (other = place - 1; other >= 1 && sample[pair, what, other] > value; other--)
            sample[pair, what, other + 1] = sample[pair, what, other]
        sample[pair, what, other + 1] = value
    }
}

function median(pair, what,    count) {
    count = runs[pair]
    if (count % 2) return sample[pair, what, (count + 1) / 2]
    return (sample[pair, what, count / 2] + sample[pair, what, count / 2 + 1]) / 2
}

function least(pair, what) { return sample[pair, what, 1] }
function most(pair, what) { return sample[pair, what, runs[pair]] }

function ratio(ours, peers) { return peers > 0 ? ours / peers : 0 }

function spread(pair, what, format) {
    return sprintf("\"%s_min\":" format ",\"%s_max\":" format, what, least(pair, what), what, most(pair, what))
}

BEGIN {
    FS = "\t"
    metrics = split("ours_cpu_us peer_cpu_us ratio ours_ops peer_ops ops_ratio ours_p99_us peer_p99_us p99_ratio", metric, " ")
    # Peer and depth: what must be reached, and what is aimed at.
    must["redis", 1] = 0.90; must["redis", 16] = 0.50; must["redis", 64] = 0.38
    must["memcached", 1] = 0.80; must["memcached", 16] = 0.52; must["memcached", 64] = 0.32
    aim["redis", 1] = 0.80; aim["redis", 16] = 0.40; aim["redis", 64] = 0.30
    aim["memcached", 1] = 0.75; aim["memcached", 16] = 0.40; aim["memcached", 64] = 0.25
    aim["echo", 1] = 1.05
}

{
    pair = $1 SUBSEP $2
    if (!(pair in runs)) { order[++pairs] = pair; cell[pair] = $1; peer[pair] = $2 }
    run = ++runs[pair]
    for (side = 3; side <= 4; side++) {
        if (field($side, "errors") > 0 || field($side, "ops") == 0) {
            if (problem[pair] == "") problem[pair] = (side == 3 ? "ours: " : $2 ": ") field($side, "first_error")
        }
        # A write that another connection's overtook costs less than one that is stored; a few are part of any mix.
        if (field($side, "superseded") > field($side, "ops") / 20 && problem[pair] == "")
            problem[pair] = "more than 5 % of the requests were superseded"
        if (field($side, "generator_busy") > 0.95) saturated[pair, side]++
    }
    sample[pair, "ours_cpu_us", run] = field($3, "server_cpu_us")
    sample[pair, "peer_cpu_us", run] = field($4, "server_cpu_us")
    sample[pair, "ratio", run] = ratio(field($3, "server_cpu_us"), field($4, "server_cpu_us"))
    sample[pair, "ours_ops", run] = field($3, "ops_per_second")
    sample[pair, "peer_ops", run] = field($4, "ops_per_second")
    sample[pair, "ops_ratio", run] = ratio(field($3, "ops_per_second"), field($4, "ops_per_second"))
    sample[pair, "ours_p99_us", run] = field($3, "p99_us")
    sample[pair, "peer_p99_us", run] = field($4, "p99_us")
    sample[pair, "p99_ratio", run] = ratio(field($3, "p99_us"), field($4, "p99_us"))
}

END {
    line = "%-32s %-9s %8s %8s %6s %-13s %8s %8s %8s %8s\n"
    printf line, "cell", "peer", "ours", "peer", "ratio", "[min-max]", "ours", "peer", "ours", "peer"
    printf line, "", "", "CPU us", "CPU us", "", "", "kops/s", "kops/s", "p99 us", "p99 us"
    for (number = 1; number <= pairs; number++) {
        pair = order[number]
        if (problem[pair] != "") {
            printf "%-32s %-9s INVALID (%s)\n", cell[pair], peer[pair], problem[pair]
            invalid++
            continue
        }
        for (place = 1; place <= metrics; place++) sort(pair, metric[place])
        printf line, cell[pair], peer[pair], sprintf("%.3f", median(pair, "ours_cpu_us")),
            sprintf("%.3f", median(pair, "peer_cpu_us")), sprintf("%.2f", median(pair, "ratio")),
            sprintf("[%.2f-%.2f]", least(pair, "ratio"), most(pair, "ratio")),
            sprintf("%.1f", median(pair, "ours_ops") / 1e3) (saturated[pair, 3] ? "*" : ""),
            sprintf("%.1f", median(pair, "peer_ops") / 1e3) (saturated[pair, 4] ? "*" : ""),
            sprintf("%.0f", median(pair, "ours_p99_us")), sprintf("%.0f", median(pair, "peer_p99_us"))
        if (saturated[pair, 3] || saturated[pair, 4]) anySaturated = 1
    }
    if (anySaturated) print "* the generator's core was full: the operations per second are its limit, not the server's"

    print ""
    for (number = 1; number <= pairs; number++) {
        pair = order[number]
        printf "{\"cell\":\"%s\",\"peer\":\"%s\",", cell[pair], peer[pair]
        if (problem[pair] != "") {
            printf "\"valid\":false,\"problem\":\"%s\"}\n", problem[pair]
            continue
        }
        printf "\"ours_cpu_us\":%.4f,\"peer_cpu_us\":%.4f,\"ratio\":%.4f,\"ours_ops\":%.0f,\"peer_ops\":%.0f,",
            median(pair, "ours_cpu_us"), median(pair, "peer_cpu_us"), median(pair, "ratio"),
            median(pair, "ours_ops"), median(pair, "peer_ops")
        printf "\"ours_p99_us\":%.1f,\"peer_p99_us\":%.1f,%s,", median(pair, "ours_p99_us"),
            median(pair, "peer_p99_us"), spread(pair, "ratio", "%.4f")
        printf "%s,%s,", spread(pair, "ours_cpu_us", "%.4f"), spread(pair, "peer_cpu_us", "%.4f")
        printf "%s,%s,", spread(pair, "ours_ops", "%.0f"), spread(pair, "peer_ops", "%.0f")
        printf "%s,%s,", spread(pair, "ours_p99_us", "%.1f"), spread(pair, "peer_p99_us", "%.1f")
        printf "\"ops_ratio\":%.4f,\"p99_ratio\":%.4f,\"runs\":%d}\n", median(pair, "ops_ratio"),
            median(pair, "p99_ratio"), runs[pair]
    }

    means()
    slower()
    if (invalid) {
        printf "\n%d of %d lines are INVALID: replies were wrong or missing, so they count for nothing\n", invalid, pairs
        exit 1
    }
}

# Server CPU per request, ours / peer: geometric means over GET and SET with 32 B and 1 KiB.
function means(    number, pair, depth, name, group, depths, peers, place, other, mean, verdict, goal) {
    for (number = 1; number <= pairs; number++) {
        pair = order[number]
        if (problem[pair] != "" || cell[pair] !~ /^(GET|SET) (32B|1KiB) P=[0-9]+ C=16 T=1$/) continue
        depth = cell[pair]
        sub(/.* P=/, "", depth)
        depth += 0
        group = peer[pair] SUBSEP depth
        logarithms[group] += log(median(pair, "ratio"))
        lows[group] += log(least(pair, "ratio"))
        highs[group] += log(most(pair, "ratio"))
        cells[group]++
    }
    print "\nserver CPU per request, ours / peer, geometric mean over GET and SET with 32 B and 1 KiB:"
    depths = split("1 16 64", depth_list, " ")
    peers = split("redis memcached echo", peer_list, " ")
    for (other = 1; other <= peers; other++) for (place = 1; place <= depths; place++) {
        name = peer_list[other]
        depth = depth_list[place] + 0
        group = name SUBSEP depth
        if (!cells[group]) continue
        mean = exp(logarithms[group] / cells[group])
        goal = (name, depth) in must ? sprintf("must %.2f", must[name, depth]) : "         "
        goal = goal ((name, depth) in aim ? sprintf("  aim %.2f", aim[name, depth]) : "")
        verdict = ""
        if ((name, depth) in aim && mean <= aim[name, depth]) verdict = "aim reached"
        else if ((name, depth) in must) verdict = mean <= must[name, depth] ? "must reached" : "MISSED"
        else if ((name, depth) in aim) verdict = "aim missed"
        if (cells[group] < 4) verdict = verdict " (" cells[group] " of 4 cells)"
        printf "  %-9s P=%-3d %.2f [%.2f-%.2f]  %-20s %s\n", name, depth, mean, exp(lows[group] / cells[group]),
            exp(highs[group] / cells[group]), goal, verdict
    }
}

# The cells in which Redis has more than 10 % more throughput, or ours a p99 more than 10 % longer.
function slower(    number, pair, count) {
    for (number = 1; number <= pairs; number++) {
        pair = order[number]
        if (peer[pair] != "redis" || problem[pair] != "" || cell[pair] !~ / T=1$/) continue
        if (median(pair, "ops_ratio") >= 0.9 && median(pair, "p99_ratio") <= 1.1) continue
        if (!count++) print "\ncells more than 10 % worse than Redis (ours / Redis):"
        printf "  %-32s throughput %.2f [%.2f-%.2f]  p99 %.2f [%.2f-%.2f]\n", cell[pair], median(pair, "ops_ratio"),
            least(pair, "ops_ratio"), most(pair, "ops_ratio"), median(pair, "p99_ratio"), least(pair, "p99_ratio"),
            most(pair, "p99_ratio")
    }
    if (!count) print "\nno cell is more than 10 % worse than Redis, in throughput or p99"
}
