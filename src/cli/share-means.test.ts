import { expect, it } from "vitest"
import { jobMetrics, vertexMetrics } from "./_fixtures.ts"
import { ShareMeans } from "./share-means.ts"

it("ShareMeans weights each reading with the time it stands for", () => {
  const means = new ShareMeans()
  means.add(
    jobMetrics({ elapsedMs: 1_000, vertices: [vertexMetrics({ busyShare: 1, backpressuredShare: 0, idleShare: 0 })] }),
  )
  means.add(
    jobMetrics({
      elapsedMs: 4_000,
      vertices: [vertexMetrics({ busyShare: 0.2, backpressuredShare: 0.4, idleShare: 0.4 })],
    }),
  )
  const { busyShare, backpressuredShare, idleShare } = means.over(jobMetrics()).vertices[0]!
  expect([busyShare, backpressuredShare, idleShare].map((share) => share.toFixed(3))).toEqual([
    "0.400",
    "0.300",
    "0.300",
  ])
})

it("ShareMeans takes no reading twice and leaves unknown vertices as they are", () => {
  const means = new ShareMeans()
  expect(means.over(jobMetrics())).toEqual(jobMetrics())
  means.add(jobMetrics({ elapsedMs: 1_000, vertices: [vertexMetrics({ busyShare: 1 })] }))
  means.add(jobMetrics({ elapsedMs: 1_000, vertices: [vertexMetrics({ busyShare: 0 })] }))
  const { vertices } = means.over(jobMetrics())
  expect(vertices.map((vertex) => vertex.busyShare)).toEqual([1, 0.95])
})
