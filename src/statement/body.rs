//! The text of a PL/pgSQL body → whether it ends transactions.

use super::lexer::{Lexeme, Token, lexemes};

/// Whether a body of PL/pgSQL has a `COMMIT` or `ROLLBACK` of its own, which is
/// refused where the caller's transaction is open (2D000). Strings and comments
/// in it do not count.
#[must_use]
pub fn body_ends_transaction(body: &str) -> bool {
    let lexemes: Vec<Lexeme> = lexemes(body)
        .filter(|lexeme| !lexeme.token.is_trivia())
        .collect();
    let is = |lexeme: &Lexeme, words: &[&str]| {
        let text = &body[lexeme.start..lexeme.end];
        lexeme.token == Token::Word && words.iter().any(|word| text.eq_ignore_ascii_case(word))
    };
    // A column may have such a name, a statement may not begin with one.
    lexemes.windows(3).any(|three| {
        let begins =
            three[0].token == Token::Semicolon || is(&three[0], &["BEGIN", "THEN", "ELSE", "LOOP"]);
        let ends = three[2].token == Token::Semicolon || is(&three[2], &["AND"]);
        begins && is(&three[1], &["COMMIT", "ROLLBACK"]) && ends
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_statements_count() {
        for body in [
            "BEGIN COMMIT; END",
            "declare a int; begin loop insert into t values (1); commit; end loop; end",
            "BEGIN IF a THEN ROLLBACK AND CHAIN; END IF; END",
        ] {
            assert!(body_ends_transaction(body), "{body}");
        }
        for body in [
            "BEGIN PERFORM 1; END",
            "BEGIN /* COMMIT; */ EXECUTE 'a; COMMIT;'; END",
            "BEGIN a := commit; END",
            "COMMIT",
        ] {
            assert!(!body_ends_transaction(body), "{body}");
        }
    }
}
