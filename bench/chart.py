"""Curves as SVG, both axes logarithmic: a power law is a straight line, and a bend is one to the eye, too."""
import html
import math

PLOT, HEIGHT, LEFT, TOP, BOTTOM = 390, 360, 70, 36, 48  # PLOT is the width between the margins
LETTER = 7.2  # about the width of one, so that the longest name fits beside the curves
COLOURS = ["#0b6e99", "#c2571a", "#3f7d20", "#8a3ffc", "#a2191f", "#5b5b5b"]


def ticks(low, high):
    """Round numbers between two: powers of ten, with 2 and 5 between where there are few."""
    steps = (1, 2, 5) if high / low < 300 else (1,)
    values = [m * 10.0 ** e for e in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1) for m in steps]
    return [v for v in values if low * 0.999 <= v <= high * 1.001]


def chart(title, x_label, y_label, series):
    """`series` by name: [(x, y)], all positive."""
    xs = [x for points in series.values() for x, _ in points]
    ys = [y for points in series.values() for _, y in points]
    right = LEFT + PLOT
    width = math.ceil(right + 24 + LETTER * max(map(len, series)))
    x0, x1, y0, y1 = min(xs), max(xs), min(ys) / 1.2, max(ys) * 1.2

    def px(x):
        return LEFT + PLOT * math.log(x / x0) / (math.log(x1 / x0) or 1)

    def py(y):
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * math.log(y / y0) / math.log(y1 / y0)

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" font-family="sans-serif" font-size="12">',
           f"<title>{html.escape(title)}</title>", f'<rect width="{width}" height="{HEIGHT}" fill="white"/>',
           f'<text x="{LEFT}" y="20" font-size="14">{html.escape(title)}</text>']
    for x in sorted(set(xs)):
        out.append(f'<path d="M{px(x):.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#e4e4e4"/>'
                   f'<text x="{px(x):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{x:g}</text>')
    for y in ticks(y0, y1):
        out.append(f'<path d="M{LEFT} {py(y):.1f}H{right}" stroke="#e4e4e4"/>'
                   f'<text x="{LEFT - 6}" y="{py(y) + 4:.1f}" text-anchor="end">{y:g}</text>')
    out.append(f'<text x="{(LEFT + right) / 2}" y="{HEIGHT - 10}" text-anchor="middle">{html.escape(x_label)}</text>'
               f'<text transform="translate(14 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">'
               f"{html.escape(y_label)}</text>")
    for k, (name, points) in enumerate(series.items()):
        colour = COLOURS[k % len(COLOURS)]
        line = " ".join(f"{px(x):.1f},{py(y):.1f}" for x, y in points)
        dots = "".join(f'<circle cx="{px(x):.1f}" cy="{py(y):.1f}" r="3" fill="{colour}"/>' for x, y in points)
        out.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.5"/>{dots}'
                   f'<text x="{right + 12}" y="{TOP + 14 + 18 * k}" fill="{colour}">{html.escape(name)}</text>')
    return "\n".join([*out, "</svg>"]) + "\n"
