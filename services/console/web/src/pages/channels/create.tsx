// A new channel: its form, checked by the server while it is filled in.

import { useMutation } from "@tanstack/react-query";
import { type ReactNode, useRef, useState } from "react";
import { useChannelsChanged } from "../../api/channels";
import { useApp } from "../../api/context";
import type { Channel } from "../../api/gen/watchbell/config/v1/channel_pb";
import type { KindWord } from "../../api/words";
import { EMPTY, type Path, type Values, toMessage } from "../../domain/channel";
import * as en from "../../messages/en";
import { done } from "../../parts/toast";
import { NO_ERRORS, placed } from "../../parts/errors";
import { FilterFields } from "../../parts/filter-fields";
import { FormDialog } from "../../parts/form-dialog";
import { CONTROLS, DestinationFields, NameFields } from "../channel/fields";
import { SecretShown } from "../channel/secret";
import { AddToSlack } from "./add-to-slack";

interface Props {
  readonly team: string;
  readonly kind: KindWord;
  readonly onClose: () => void;
  readonly onMade: (channel: Channel) => void;
}

interface Made {
  readonly channel: Channel;
  readonly secret: string;
}

export function CreateChannel({ team, kind, onClose, onMade }: Props): ReactNode {
  const { clients } = useApp();
  const changed = useChannelsChanged(team);
  const [values, setValues] = useState<Values>(EMPTY);
  const [errors, setErrors] = useState(NO_ERRORS);
  const [made, setMade] = useState<Made | null>(null);
  const touched = useRef(new Set<string>());
  // The newest request alone says what is wrong: a check that was sent before may be answered after.
  const newest = useRef(0);
  const request = (validateOnly: boolean) =>
    clients.channels.createChannel({ teamId: team, channel: toMessage(values, kind), validateOnly });
  const refuse = (error: unknown, only?: ReadonlySet<string>) => {
    const found = placed(error, "channel", CONTROLS);
    if (!only) setErrors(found);
    else setErrors({ fields: new Map([...found.fields].filter(([path]) => [...only].some((one) => path.startsWith(one)))), rest: [] });
  };
  const create = useMutation({
    mutationFn: () => request(false),
    // The secret is not to stay in the cache.
    gcTime: 0,
    onSuccess: async ({ channel, signingSecret, warnings }) => {
      await changed();
      if (!channel) return;
      done(en.form.made(channel.displayName), warnings.join(" "));
      if (signingSecret === "") onMade(channel);
      else setMade({ channel, secret: signingSecret });
      create.reset();
    },
    onError: (error) => refuse(error),
  });
  const check = async () => {
    newest.current += 1;
    const own = newest.current;
    try {
      await request(true);
      if (own === newest.current) setErrors(NO_ERRORS);
    } catch (error) {
      if (own === newest.current) refuse(error, touched.current);
    }
  };
  const set = <P extends Path>(path: P, value: Values[P]) => {
    touched.current.add(path);
    setValues((before) => ({ ...before, [path]: value }));
  };
  if (made) return <SecretShown secret={made.secret} onStored={() => onMade(made.channel)} />;
  const form = { team, values, set, errors: errors.fields, onLeave: () => void check() };
  return (
    <FormDialog
      title={en.channels.create[kind]}
      description={en.channels.about[kind]}
      wide={kind === "webhook"}
      firm={values !== EMPTY}
      errors={errors}
      busy={create.isPending}
      verb={[en.form.create, en.form.creating]}
      onSubmit={() => {
        newest.current += 1;
        create.mutate();
      }}
      onClose={onClose}
    >
      {kind === "slack" ? (
        <>
          <AddToSlack team={team} onMade={onMade} />
          <p className="text-muted">{en.addToSlack.orUrl}</p>
        </>
      ) : null}
      <NameFields {...form} />
      <DestinationFields {...form} kind={kind} />
      {kind === "webhook" ? (
        <FilterFields
          team={team}
          path="webhook.filter"
          filter={values["webhook.filter"]}
          errors={errors.fields}
          onChange={(next) => set("webhook.filter", next)}
          onLeave={() => void check()}
        />
      ) : null}
    </FormDialog>
  );
}
