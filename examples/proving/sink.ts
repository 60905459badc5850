// A bug for `millrace prove` to find: the sink books what it is told to commit, also when it is told twice. After a crash between the
// commit and the note that it was done, it is.
import { pipeline, type Sink } from "millrace"
import type { ProofOptions } from "millrace/testing"

interface Payment {
  readonly id: string
  readonly cents: number
}

const payments: readonly Payment[] = Array.from({ length: 40 }, (_, n) => ({ id: `p${n}`, cents: 100 + n }))

/** What would be a table in a database. */
let booked: Payment[] = []
const staged = new Map<string, Payment[]>()

const ledger: Sink<Payment> = {
  label: "ledger",
  writer: ({ subtask }) => {
    let open: Payment[] = []
    return {
      write: (values) => void open.push(...values),
      prepareCommit: async (checkpointId) => {
        const id = `${checkpointId}/${subtask}`
        staged.set(id, open)
        open = []
        return [{ id }]
      },
    }
  },
  commit: async (committables) => {
    // A mended one would leave out the ids that it has booked before.
    for (const { id } of committables) booked.push(...(staged.get(String(id)) ?? []))
  },
}

export default pipeline("payments", ({ source }) => {
  source(payments).to(ledger).name("ledger")
})

/** The ledger is what is looked at, so it is run as it is. */
export const proof: ProofOptions = {
  sinks: {
    ledger: {
      reset: () => {
        booked = []
        staged.clear()
      },
      read: () => booked,
    },
  },
}
