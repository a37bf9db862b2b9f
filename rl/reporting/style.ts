/** The report's style sheet: light and dark by the reader's setting, printable, no fonts to load. */
export const style = `
:root { color-scheme: light dark; --text: #1c2127; --muted: #68727d; --back: #ffffff; --card: #f6f7f9;
  --line: #dfe3e8; --accent: #2563c9; --good: #1a7f4b; --bad: #c5362f; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e4e8ed; --muted: #97a1ad; --back: #14171b; --card: #1c2127; --line: #323941;
    --accent: #74a9ff; --good: #4cc38a; --bad: #ff7b72; }
}
* { box-sizing: border-box }
body { margin: 0 auto; padding: 2.5rem 1.5rem 4rem; max-width: 66rem; background: var(--back); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif }
h1 { margin: 0; font-size: 1.75rem; line-height: 1.25 }
h2 { margin: 2.5rem 0 .75rem; font-size: 1.1rem }
.summary { margin: .5rem 0 1.5rem; max-width: 46rem; color: var(--muted); white-space: pre-line }
.cards { display: flex; flex-wrap: wrap; gap: .75rem }
.card { flex: 1 1 11rem; padding: .8rem 1rem; background: var(--card); border-radius: 8px }
.card .what { color: var(--muted); font-size: .85rem }
.card .value { font-size: 1.65rem; font-weight: 600; font-variant-numeric: tabular-nums; line-height: 1.3 }
.card .note { color: var(--muted); font-size: .85rem; font-variant-numeric: tabular-nums }
.good { color: var(--good) } .bad { color: var(--bad) }
.scroll { overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th { text-align: left; font-weight: 600 }
thead th { color: var(--muted); font-size: .85rem; font-weight: 500; white-space: nowrap }
th, td { padding: .3rem .9rem .3rem 0; vertical-align: top }
.results td { white-space: nowrap }
.results tbody { border-top: 1px solid var(--line) }
.results tbody.mean { border-top: 2px solid var(--line); font-weight: 600 }
.number { text-align: right }
.pairs th { width: 1%; padding-right: 2rem; font-weight: 500; color: var(--muted); white-space: nowrap }
.pairs td { overflow-wrap: anywhere } .pairs tr { border-top: 1px solid var(--line) }
.interval { display: block; width: 100%; min-width: 9rem; height: 22px; overflow: visible }
.interval .track { stroke: var(--line); stroke-width: 1 }
.interval .range { stroke: var(--muted); stroke-width: 3; opacity: .55 }
.interval .range.last { stroke: var(--accent) }
.interval .rate { fill: var(--muted) } .interval .rate.last { fill: var(--accent) }
.test { margin: 1rem 0 0; padding: .7rem 1rem; background: var(--card); border-radius: 8px }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(19rem, 100%), 1fr)); gap: 1.25rem }
figure { margin: 0 }
figcaption { display: flex; font-weight: 600 }
figcaption b { margin-left: auto; font-variant-numeric: tabular-nums; color: var(--accent) }
.unit { color: var(--muted); font-weight: 400; padding-left: .5em }
.chart { padding: .7rem .8rem .3rem; background: var(--card); border-radius: 8px }
.chart svg { display: block; width: 100%; height: auto }
.chart .grid { stroke: var(--line) } .chart .axis { stroke: var(--muted) }
.chart text { fill: var(--muted); font-size: 13px }
.chart .tick.y { text-anchor: end } .chart .tick.x, .chart .label { text-anchor: middle }
.chart .line { fill: none; stroke: var(--accent); stroke-width: 1.8; stroke-linejoin: round }
.chart .point { fill: var(--accent) }
.chart .hit rect { fill: transparent } .chart .hit circle { fill: var(--accent); opacity: 0 }
.chart .hit:hover circle { opacity: 1 }
.empty { color: var(--muted) }
.videos { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(22rem, 100%), 1fr)); gap: 1.25rem }
video { display: block; width: 100%; max-width: 48rem; border-radius: 8px; background: #000 }
.videos figcaption { margin-top: .4rem; font-weight: 400; color: var(--muted) }
@media print { body { max-width: none } .chart, .card, .test { border: 1px solid var(--line) } }
`
