import type { TransactionalSystem } from "../src/connectors/sinks/index.ts"
import type { Outside } from "../src/sim/index.ts"

interface Transaction {
  readonly rows: { readonly value: unknown; readonly timeMs: number }[]
  state: "open" | "prepared" | "committed" | "aborted"
}

const systems = new WeakMap<Outside, Map<string, Transaction>>()

/** A system with transactions beside the simulated outside, which outlives crashes as that does. As strict: it complains there. */
export function transactionsOf(outside: Outside, operatorId: string): TransactionalSystem<unknown, null> {
  const all = systems.get(outside) ?? new Map<string, Transaction>()
  systems.set(outside, all)
  const complain = (text: string): void => void outside.complaints.push(text)
  const known = (id: string, wanted: Transaction["state"]): Transaction => {
    const found = all.get(id)
    if (found?.state !== wanted) throw new Error(`transaction ${id} is ${found?.state}, not ${wanted}`)
    return found
  }
  return {
    label: "simulated transactions",
    connect: () => null,
    begin: (_connection, id) => {
      const before = all.get(id)
      if (before !== undefined) complain(`RST-4: ${id} is begun, and is ${before.state}`)
      all.set(id, { rows: [], state: "open" })
    },
    write: (_connection, id, values, timesMs) => {
      const { rows } = known(id, "open")
      values.forEach((value, index) => {
        rows.push({ value, timeMs: timesMs[index]! })
      })
    },
    prepare: (_connection, id) => {
      known(id, "open").state = "prepared"
    },
    commit: async (_connection, id) => {
      await outside.turn(`commit ${id}`)
      const transaction = all.get(id)
      if (transaction?.state === "committed") return
      if (transaction?.state !== "prepared")
        return complain(`OUT-5: ${id} is to be committed, and is ${transaction?.state}`)
      outside.beforeCommit()
      transaction.state = "committed"
      const into = outside.committed.get(operatorId) ?? []
      for (const row of transaction.rows) into.push({ ...row, subtask: 0, commit: 0 })
      outside.committed.set(operatorId, into)
      await outside.turn(`committed ${id}`)
    },
    abort: async (_connection, id) => {
      const transaction = all.get(id)
      if (transaction === undefined) return
      if (transaction.state === "committed") complain(`OUT-5: ${id} is to be aborted, and is committed`)
      transaction.state = "aborted"
    },
    list: async (_connection, prefix) => {
      await outside.turn(`list ${prefix}`)
      return [...all]
        .filter(([id, { state }]) => id.startsWith(prefix) && (state === "open" || state === "prepared"))
        .map(([id]) => id)
    },
  }
}

/** Of a job that has ended: none. */
export function leftOpen(outside: Outside): readonly string[] {
  return [...(systems.get(outside) ?? [])]
    .filter(([, { state }]) => state === "open" || state === "prepared")
    .map(([id, { state }]) => `${id} is ${state}`)
}
