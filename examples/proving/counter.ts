// A bug for `millrace prove` to find: the invoices are numbered by a variable of the module. Every worker has one of its own, and after a
// crash it begins anew.
import { pipeline } from "millrace"

interface Order {
  readonly id: string
  readonly amount: number
}

const orders: readonly Order[] = Array.from({ length: 50 }, (_, n) => ({ id: `order-${n}`, amount: (n * 7) % 30 }))

let next = 1

export default pipeline("invoices", ({ source }) => {
  source(orders)
    .filter((order) => order.amount > 0)
    .map((order) => ({ ...order, invoice: next++ }))
    .name("number")
    .print()
})
