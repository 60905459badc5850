import type { Twin } from "../twin.ts"
import { q0 } from "./q0.twin.ts"
import { q1 } from "./q1.twin.ts"
import { q2 } from "./q2.twin.ts"
import { q5 } from "./q5.twin.ts"
import { q7 } from "./q7.twin.ts"
import { q11 } from "./q11.twin.ts"
import { q14 } from "./q14.twin.ts"
import { q15 } from "./q15.twin.ts"
import { q17 } from "./q17.twin.ts"
import { q18 } from "./q18.twin.ts"
import { q19 } from "./q19.twin.ts"

/** The hand-written programs; the pipeline of query `q` is the module `q.ts` beside them. */
export const TWINS: Readonly<Record<string, Twin>> = { q0, q1, q2, q5, q7, q11, q14, q15, q17, q18, q19 }

/** Open: they join two streams (q3, q4, q6, q8, q9, q20, q23). */
export const QUERIES: readonly string[] = Object.keys(TWINS)
