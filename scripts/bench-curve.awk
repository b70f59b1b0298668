# Draws one curve as SVG, both axes logarithmic, from lines of: curve, series, x, y (CPU microseconds), tab-separated.
# -v curve=NAME picks the lines.

function log10(number) { return log(number) / log(10) }
function place_x(x) { return left + (log10(x) - low_x) / (high_x - low_x) * width }
function place_y(y) { return top + height - (log10(y) - low_y) / (high_y - low_y) * height }
function down(number,    whole) {
    whole = int(number)
    return whole > number ? whole - 1 : whole
}
function short(number) {
    if (number >= 1e6) return number / 1e6 " M"
    if (number >= 1e3) return number / 1e3 " k"
    return number ""
}
function text(x, y, anchor, words) {
    printf "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n", x, y, anchor, words
}

$1 == curve {
    count++
    series[count] = $2
    xs[count] = $3
    ys[count] = $4
    if (count == 1 || $3 < smallest_x) smallest_x = $3
    if (count == 1 || $3 > largest_x) largest_x = $3
    if (count == 1 || $4 < smallest_y) smallest_y = $4
    if (count == 1 || $4 > largest_y) largest_y = $4
}

END {
    if (count == 0) exit 1
    left = 70; top = 40; width = 520; height = 260
    split("#1f6fb4 #c8442b #2e8b57 #7a4fa3", colours, " ")
    low_x = log10(smallest_x)
    high_x = largest_x > smallest_x ? log10(largest_x) : low_x + 1
    # Whole decades, so that a flat curve looks flat.
    low_y = down(log10(smallest_y))
    high_y = down(log10(largest_y)) + 1
    print "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 640 360\" font-family=\"sans-serif\" font-size=\"12\">"
    print "<rect width=\"640\" height=\"360\" fill=\"white\"/>"
    text(left, 20, "start", "Server CPU per request, µs, by " curve)
    for (decade = low_y; decade <= high_y; decade++) {
        y = place_y(10 ^ decade)
        printf "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#ddd\"/>\n", left, left + width, y, y
        text(left - 8, y + 4, "end", 10 ^ decade)
    }
    for (index_ = 1; index_ <= count; index_++) {
        name = series[index_]
        if (!(name in number)) {
            number[name] = ++names
            order[names] = name
        }
        x = place_x(xs[index_])
        y = place_y(ys[index_])
        path[name] = path[name] sprintf("%s%.1f %.1f", path[name] == "" ? "M" : " L", x, y)
        printf "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n", x, y, colours[number[name]]
        if (!(xs[index_] in labelled)) {
            labelled[xs[index_]] = 1
            text(x, top + height + 18, "middle", short(xs[index_]))
        }
    }
    for (index_ = 1; index_ <= names; index_++) {
        name = order[index_]
        printf "<path d=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\"/>\n", path[name], colours[index_]
        printf "<g fill=\"%s\">", colours[index_]
        text(left + (index_ - 1) * 120, top + height + 42, "start", name)
        print "</g>"
    }
    print "</svg>"
}
