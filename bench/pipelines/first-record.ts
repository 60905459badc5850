/** The smallest job: prints as soon as its first record is through an exchange. */
import { pipeline } from "millrace"

export default pipeline("first-record", ({ source }) => {
  source([{ word: "first" }])
    .keyBy((record) => record.word)
    .process<string>({ onRecord: (record, ctx) => ctx.emit(record.word) })
    .print()
})
