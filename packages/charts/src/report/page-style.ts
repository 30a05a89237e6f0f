/** The style sheet of the report. */
import { colorVariables } from './svg.ts';

export const PAGE_STYLE = `
:root{color-scheme:light;--bg:#fffffe;--fg:#1a1c1f;--dim:#565c64;--line:#d9dce0;--soft:#f4f5f7;--link:#0b5a94;--warn:#8f3f00;${colorVariables('light')}}
@media (prefers-color-scheme:dark){:root:not([data-theme=light]){color-scheme:dark;--bg:#14171a;--fg:#e7e9ec;--dim:#a2a9b2;--line:#343a41;--soft:#1d2125;--link:#7fbcf0;--warn:#f0a868;${colorVariables('dark')}}}
:root[data-theme=dark]{color-scheme:dark;--bg:#14171a;--fg:#e7e9ec;--dim:#a2a9b2;--line:#343a41;--soft:#1d2125;--link:#7fbcf0;--warn:#f0a868;${colorVariables('dark')}}
*{box-sizing:border-box}
html{background:var(--bg);color:var(--fg);font:15px/1.5 system-ui,-apple-system,"Segoe UI","DejaVu Sans",Verdana,sans-serif;-webkit-text-size-adjust:100%}
body{max-width:70rem;margin:0 auto;padding:1.25rem 1.25rem 4rem}
h1{font-size:1.5rem;line-height:1.25;margin:0 0 .25rem;text-wrap:balance}
h2{font-size:1.15rem;margin:2.4rem 0 .6rem;padding-top:.7rem;border-top:1px solid var(--line)}
h3{font-size:1rem;margin:1.4rem 0 .4rem}
p,ul,dl{margin:.4rem 0 .8rem;max-width:48rem}
a{color:var(--link)}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,"DejaVu Sans Mono",monospace;font-size:.86em}
p code,dd code{overflow-wrap:anywhere}
td code{white-space:nowrap}
.lead,.note,figcaption span,caption,.unit{color:var(--dim)}
.note{font-size:.87rem}
.warn{color:var(--warn)}
.skip{position:absolute;left:-999rem}
.skip:focus{left:1rem;top:.5rem;background:var(--bg);padding:.3rem .6rem;z-index:2}
:focus-visible{outline:2px solid var(--link);outline-offset:2px}
header.top{display:flex;gap:1rem;justify-content:space-between;align-items:flex-start}
nav ol{list-style:none;padding:0;margin:.8rem 0 0;display:flex;flex-wrap:wrap;gap:.15rem 1.1rem;font-size:.9rem;max-width:none}
button{font:inherit;font-size:.85rem;color:var(--fg);background:var(--soft);border:1px solid var(--line);border-radius:4px;padding:.2rem .6rem;cursor:pointer;white-space:nowrap}
button:hover{border-color:var(--dim)}
dl.facts{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem;max-width:none}
dl.facts dt{color:var(--dim)}
dl.facts dd{margin:0;font-variant-numeric:tabular-nums}
.scroll{overflow-x:auto;max-width:100%}
table{border-collapse:collapse;font-size:.87rem;font-variant-numeric:tabular-nums lining-nums;margin:.2rem 0 .3rem}
caption{text-align:left;font-size:.87rem;padding:0 0 .3rem;caption-side:top}
caption span{display:block;position:sticky;left:0;max-width:min(60rem,calc(100vw - 2.5rem))}
th,td{padding:.16rem .65rem .16rem 0;text-align:left;vertical-align:baseline;font-weight:400}
thead th{border-bottom:1px solid var(--dim);vertical-align:bottom;font-weight:600;line-height:1.25}
tbody tr{border-bottom:1px solid var(--line)}
tbody th{white-space:nowrap}
.wide{min-width:18rem}
td{white-space:nowrap}td.wide{white-space:normal}
.n{text-align:right;white-space:nowrap;padding-left:.2rem}
thead th.n{white-space:normal;max-width:6.5rem}
.unit{display:block;font-weight:400;font-size:.92em}
abbr{text-decoration:underline dotted var(--dim);text-underline-offset:3px;cursor:help}
.na{color:var(--dim)}
.key{display:inline-block;width:.7em;height:.7em;margin-right:.45em;border:2px solid;border-radius:50%}
.key.solid{background:currentColor}
figure.chart{margin:1rem 0 1.4rem}
figcaption b{display:block}
figcaption span{display:block;font-size:.87rem;max-width:60rem}
figcaption{margin-bottom:.4rem}
figure.chart svg{display:block;height:auto}
.chart svg text{font-family:system-ui,-apple-system,"Segoe UI","DejaVu Sans",Verdana,sans-serif;font-variant-numeric:tabular-nums}
.figure{margin:.8rem 0 1.2rem}
details{margin:.3rem 0}
details.behind{font-size:.85rem;margin:.2rem 0}
summary{cursor:pointer;color:var(--dim);width:max-content}
pre{background:var(--soft);border:1px solid var(--line);border-radius:4px;padding:.5rem .7rem;overflow:auto;max-height:24rem;white-space:pre}
footer{margin-top:3rem;padding-top:.7rem;border-top:1px solid var(--line);color:var(--dim);font-size:.87rem}
@media (max-width:40rem){body{padding:.8rem}dl.facts{grid-template-columns:1fr}dl.facts dd{margin-bottom:.3rem}figure.chart svg{min-width:42rem}}
@media (min-width:40.01rem){figure.chart svg{max-width:100%}}
@media print{
@page{margin:14mm}
:root,:root[data-theme=dark]{color-scheme:light;--bg:#fff;--fg:#000;--dim:#444;--line:#bbb;--soft:#fff;--link:#000;--warn:#000;${colorVariables('light')}}
html{font-size:10pt}body{max-width:none;padding:0}
button,nav,.skip,details{display:none}
h2{break-after:avoid}figure.chart,tr,.figure{break-inside:avoid}.scroll{overflow:visible}
figure.chart svg{max-width:100%}a{text-decoration:none}
}
`;
