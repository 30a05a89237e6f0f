import { nextUses, optMisses, lruMisses, stringOf } from '@workset/replay';
import { Prng } from '@workset/model';
const n = 100e6, P = 1 << 20;
const pages = new Int32Array(n); const r = new Prng(1);
for (let i = 0; i < n; i++) { const u = r.u32(); pages[i] = (u & 7) ? (Math.floor(P * Math.pow((u >>> 3) / 2 ** 29, 3))) : i % P; }
let t = performance.now();
const s = stringOf(pages, P); console.log('distinct', s.nDistinct, performance.now() - t);
t = performance.now(); const nx = nextUses(s); console.log('next', performance.now() - t);
for (const f of [0.4, 0.8]) { t = performance.now(); const o = optMisses(s, Math.floor(P * f), nx); console.log('opt', f, o, performance.now() - t);
t = performance.now(); const l = lruMisses(s, Math.floor(P * f)); console.log('lru', f, l, performance.now() - t); }
