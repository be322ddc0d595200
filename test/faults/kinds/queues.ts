import type { TopicShare } from '../shares.ts';
import type { FaultKind, FaultPlan } from '../simulate.ts';
import type { Site } from '../site.ts';
import { work } from '../topology.ts';
import type { Topic } from '../parts.ts';
import { always, refused } from '../failures.ts';

function onTopic(name: string, plan: (site: Site, topic: Topic, share: TopicShare) => FaultPlan): FaultKind {
  return {
    name,
    group: 'queue',
    plan: (site) => {
      const found = site.topic();
      return found && plan(site, site.world.topic(found.topic), found);
    },
  };
}

/** So long does a consumer take if one gets a little less done than is sent. */
function tooLongMs(site: Site, { perRequest }: TopicShare): number {
  return 1300 / (perRequest * site.ratePerSecond);
}

export const queueFaults: readonly FaultKind[] = [
  onTopic('queue-lag', (site, topic, share) => {
    const { service, operation } = topic.plan;
    return {
      truth: {
        services: [service],
        operations: [operation],
        description: `${service} processes ${topic.name} one by one, more slowly than they are sent`,
      },
      begin: () => {
        topic.busyMax = 1;
        const slow = site.world.service(service).operation(operation);
        slow.steps = [work(tooLongMs(site, share)), ...slow.steps];
      },
      effects: [{ kind: 'mean-adds', key: `lag of ${topic.name}`, by: 1000 }],
    };
  }),
  onTopic('slow-consumer', (site, topic) => {
    const { service, operation } = topic.plan;
    const addedMs = site.random.between(80, 300);
    return {
      truth: {
        services: [service],
        operations: [operation],
        description: `${operation} of ${service} takes ${addedMs.toFixed(0)} ms longer`,
      },
      begin: () => {
        const slow = site.world.service(service).operation(operation);
        slow.steps = [work(addedMs + 0.4 * site.workMs(service, operation)), ...slow.steps];
      },
      effects: [{ kind: 'mean-adds', key: `handling ${service}/${operation}`, by: addedMs / 2 }],
    };
  }),
  onTopic('consumers-stopped', (_site, topic, { producers }) => {
    const { service, operation } = topic.plan;
    return {
      truth: {
        services: [service, topic.plan.broker],
        operations: [operation],
        description: `nobody takes ${topic.name} any more, which ${producers.join(' and ')} still sends`,
      },
      begin: () => {
        topic.busyMax = 0;
      },
      effects: [{ kind: 'rate-falls', key: `handling ${service}/${operation}`, factor: 0.15 }],
    };
  }),
  onTopic('poison-messages', (site, topic) => {
    const { service, operation } = topic.plan;
    return {
      truth: {
        services: [service],
        operations: [operation],
        description: `${service} cannot read some ${topic.name}, which come again and again`,
      },
      begin: () => {
        topic.poisonRate = site.random.between(0.15, 0.35);
      },
      effects: [
        { kind: 'mean-adds', key: `failed ${service}/${operation}`, by: 0.2 },
        { kind: 'rate-rises', key: `handling ${service}/${operation}`, factor: 1.25 },
      ],
    };
  }),
  onTopic('messages-sent-many-times', (site, topic, { producers }) => {
    const copies = site.random.integer(5, 9);
    return {
      truth: {
        services: producers,
        operations: [`send ${topic.name}`],
        description: `${producers.join(' and ')} sends each of ${topic.name} ${copies} times`,
      },
      begin: () => {
        topic.copies = copies;
      },
      effects: [{ kind: 'rate-rises', key: `send ${topic.name}`, factor: 2.5 }],
    };
  }),
  onTopic('slow-broker', (site, topic, { producers }) => {
    const { broker } = topic.plan;
    const factor = site.random.between(40, 150);
    return {
      truth: {
        services: [broker, ...producers, ...otherProducers(site, broker)],
        operations: [],
        description: `${broker} takes ${factor.toFixed(0)} times as long to acknowledge`,
      },
      begin: () => {
        site.world.peer(broker).slowness = () => factor;
      },
      effects: [{ kind: 'mean-rises', key: `send ${topic.name}`, factor: 5 }],
    };
  }),
  onTopic('broker-away', (site, topic, { producers }) => {
    const { broker } = topic.plan;
    return {
      truth: {
        services: [broker, ...producers, ...otherProducers(site, broker)],
        operations: [],
        description: `${broker} refuses connections: nothing can be sent`,
      },
      begin: () => {
        site.world.peer(broker).failure = always(refused(broker));
      },
      effects: [{ kind: 'mean-adds', key: `failed send ${topic.name}`, by: 0.9 }],
    };
  }),
];

function otherProducers(site: Site, broker: string): string[] {
  return site.shares.topics
    .filter(({ topic }) => site.world.topic(topic).plan.broker === broker)
    .flatMap(({ producers }) => producers);
}
