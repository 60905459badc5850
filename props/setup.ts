/**
 * One seed for all properties of a run, printed so that a failure can be replayed: PROPS_SEED=... npm run props.
 * PROPS_RUNS scales the number of cases per property (default 1).
 */
import fc from "fast-check"

const seed =
  process.env.PROPS_SEED === undefined ? Math.floor(Math.random() * 0x7fff_ffff) : Number(process.env.PROPS_SEED)
const scale = Number(process.env.PROPS_RUNS ?? 1)
fc.configureGlobal({
  seed,
  numRuns: Math.max(1, Math.round(200 * scale)),
  markInterruptAsFailure: true,
  // Of a wrong engine it is enough to know that a law breaks (props/mutants/).
  endOnFailure: process.env.MUTANT !== undefined,
})
console.log(`properties with seed ${seed}: repeat with PROPS_SEED=${seed} npm run props`)
