import { useRef, useState } from "react";
import type { LeadForm } from "../../api/leads.ts";
import { Button } from "../../parts/button.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { Notice } from "../../parts/notice.tsx";
import { useLanguage } from "../../shell/preferences.ts";
import { useLeadWords } from "../../words/lead-words.tsx";
import { snippetOf } from "./snippet-text.ts";

/** What a person puts into a page, so that the form stands there. */
export function Snippet({ form }: { form: LeadForm }) {
  const say = useLeadWords();
  const language = useLanguage();
  const [open, setOpen] = useState(false);
  const [copied, setCopied] = useState(false);
  const area = useRef<HTMLTextAreaElement>(null);
  const text = snippetOf(location.origin, form.key, {
    language,
    name: say("lead.name"),
    email: say("lead.email"),
    phone: say("lead.phone"),
    company: say("lead.company"),
    message: say("lead.message"),
    send: say("forms.snippet.send"),
    thanks: say("forms.snippet.thanks"),
    failed: say("forms.snippet.failed"),
  });
  const copy = async () => {
    area.current?.select();
    // Where the browser keeps its clipboard to itself, what is chosen waits for Ctrl+C.
    await navigator.clipboard?.writeText(text).then(
      () => setCopied(true),
      () => setCopied(false),
    );
  };
  const close = () => {
    setOpen(false);
    setCopied(false);
  };
  return (
    <>
      <Button look="plain" aria-label={say("forms.snippetOne", { name: form.name })} onPress={() => setOpen(true)}>
        {say("forms.snippet")}
      </Button>
      <Dialog title={say("forms.snippet.title", { name: form.name })} open={open} onClose={close}>
        <p>{say("forms.snippet.text")}</p>
        {form.origins.length === 0 && <Notice kind="warned">{say("forms.snippet.nowhere")}</Notice>}
        <textarea
          ref={area}
          className="input area snippet"
          aria-label={say("forms.snippet.code")}
          readOnly
          rows={10}
          spellCheck={false}
          value={text}
        />
        <div className="dialog-actions">
          <span className="small quiet" role="status">
            {copied && say("forms.snippet.copied")}
          </span>
          <Button onPress={close}>{say("lead.close")}</Button>
          <Button look="main" onPress={() => void copy()}>
            {say("forms.snippet.copy")}
          </Button>
        </div>
      </Dialog>
    </>
  );
}
