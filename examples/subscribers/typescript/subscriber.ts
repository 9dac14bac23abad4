// A service that learns of every import that has ended.
//
// An event is done first and committed then, so one that is not done comes again after a crash. It may come twice: what
// `handle` does must be the same the second time, or remember the `ce_id`.
import { Kafka, logLevel } from "kafkajs";
import type { Topics } from "./leadflow-events";

const TOPIC = "lead.import-finished.v1";
// One group for all processes of your service: each event goes to one of them.
const GROUP = process.env.GROUP ?? "example-typescript";

async function handle(event: Topics[typeof TOPIC], ceId: string): Promise<void> {
  console.log(
    `Import ${event.import_id} of company ${event.company_id} is ${event.status}:` +
      ` ${event.total_created} created, ${event.total_existing} existing, ${event.total_errors} errors,` +
      ` ${event.total_rows} rows`,
  );
}

async function main(): Promise<void> {
  const brokers = process.env.LEADFLOW_KAFKA_BOOTSTRAP;
  if (!brokers) throw new Error("LEADFLOW_KAFKA_BOOTSTRAP says where Kafka is: host:port");
  const kafka = new Kafka({ brokers: brokers.split(","), logLevel: logLevel.ERROR });
  const consumer = kafka.consumer({ groupId: GROUP });
  await consumer.connect();
  // A new group begins with what the topic still holds, seven days. `false` begins now.
  await consumer.subscribe({ topic: TOPIC, fromBeginning: true });
  await consumer.run({
    // kafkajs commits offsets only of messages whose handler has ended.
    autoCommitThreshold: 1,
    eachMessage: async ({ message }) => {
      if (message.value === null) return;
      await handle(JSON.parse(message.value.toString()), String(message.headers?.ce_id));
    },
  });
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => void consumer.disconnect());
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
