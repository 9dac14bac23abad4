import type { ReactNode } from "react";
import { Dialog as AriaDialog } from "react-aria-components/Dialog";
import { Modal, ModalOverlay } from "react-aria-components/Modal";

interface Props {
  readonly title: string;
  readonly open: boolean;
  /** Without it, Esc and a click beside the dialog do nothing. */
  readonly onClose?: (() => void) | undefined;
  readonly children: ReactNode;
}

/** A question in front of the page. Esc closes it, and the focus returns to where it was. */
export function Dialog({ title, open, onClose, children }: Props) {
  return (
    <ModalOverlay
      className="veil"
      isOpen={open}
      isDismissable={onClose !== undefined}
      isKeyboardDismissDisabled={onClose === undefined}
      onOpenChange={(shown) => {
        if (!shown) onClose?.();
      }}
    >
      <Modal className="dialog">
        <AriaDialog aria-label={title}>
          <h2>{title}</h2>
          {children}
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  );
}
