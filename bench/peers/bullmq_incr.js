'use strict';
// The same job on BullMQ: node bullmq_incr.js add N | work CONCURRENCY. NODE_PATH must lead to bullmq and ioredis.
const { Queue, Worker } = require('bullmq');
const ioredis = require('ioredis');

const Client = ioredis.default || ioredis;
const connect = () => new Client(process.env.BENCH_REDIS, { maxRetriesPerRequest: null });
const [, , what, amount] = process.argv;

async function add(count) {
  const queue = new Queue('bench', { connection: connect() });
  for (let first = 0; first < count; first += 500) {
    const size = Math.min(500, count - first);
    await queue.addBulk(Array.from({ length: size }, (_, n) => ({
      name: 'incr', data: {}, opts: { jobId: `j-${first + n}`, removeOnComplete: true },
    })));
  }
  process.exit(0);
}

function work(concurrency) {
  const db = connect();
  const worker = new Worker('bench', () => db.incr('done'), { connection: connect(), concurrency });
  worker.on('error', () => {});
}

if (what === 'add') add(Number(amount)); else work(Number(amount));
