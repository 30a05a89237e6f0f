export { missRatioCurve, sampledMissRatioCurve, type CurveOptions, type MissRatioCurve, type SampleOptions } from './miss-ratio.ts';
export { workingSetCurve, type WorkingSetCurve } from './working-set.ts';
