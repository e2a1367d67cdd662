package citypulse;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.time.DateTimeException;
import java.time.OffsetDateTime;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/** Reads and validates an event with Jackson's streaming parser; null is what the contract refuses. */
final class Reader {
  private static final Set<String> PRODUCTS =
      Set.of("dataset", "api", "report", "model", "computing", "service", "spatial");
  private static final Pattern SLUG = Pattern.compile("[a-z0-9][a-z0-9_-]{0,63}");
  private static final int DIGITS = 18;
  private static final long MINUTE_S = 60;

  private final JsonFactory json = JsonFactory.builder()
      .configure(com.fasterxml.jackson.core.StreamReadFeature.STRICT_DUPLICATE_DETECTION, false).build();
  private final Map<String, Integer> exponents;

  Reader(Map<String, Integer> exponents) {
    this.exponents = exponents;
  }

  Counted read(byte[] value) {
    try (JsonParser parser = json.createParser(value)) {
      return event(parser);
    } catch (IOException | DateTimeException | IllegalArgumentException refused) {
      return null;
    }
  }

  private Counted event(JsonParser parser) throws IOException {
    String id = null;
    String source = null;
    String type = null;
    String version = null;
    String time = null;
    Data data = null;
    require(parser.nextToken() == JsonToken.START_OBJECT);
    for (String name = parser.nextFieldName(); name != null; name = parser.nextFieldName()) {
      switch (name) {
        case "id" -> id = text(parser);
        case "source" -> source = text(parser);
        case "type" -> type = text(parser);
        case "specversion" -> version = text(parser);
        case "time" -> time = text(parser);
        case "datacontenttype" -> require("application/json".equals(text(parser)));
        case "data" -> data = data(parser);
        default -> { // an extension attribute
          parser.nextToken();
          parser.skipChildren();
        }
      }
    }
    require(parser.nextToken() == null);
    require("1.0".equals(version) && "citypulse.transaction.executed.v1".equals(type));
    require(identifier(id) && identifier(source) && time != null && data != null);
    long minute = Math.floorDiv(OffsetDateTime.parse(time).toEpochSecond(), MINUTE_S) * MINUTE_S * 1_000;
    return new Counted(source + '\0' + id, data.series() + ' ' + minute, data.minor());
  }

  private record Data(String series, long minor) {}

  private Data data(JsonParser parser) throws IOException {
    String transaction = null;
    String exchange = null;
    String product = null;
    String amount = null;
    String currency = null;
    Boolean border = null;
    require(parser.nextToken() == JsonToken.START_OBJECT);
    for (String name = parser.nextFieldName(); name != null; name = parser.nextFieldName()) {
      switch (name) {
        case "transaction_id" -> transaction = text(parser);
        case "exchange" -> exchange = text(parser);
        case "product_type" -> product = text(parser);
        case "amount" -> amount = text(parser);
        case "currency" -> currency = text(parser);
        case "buyer_area", "seller_area" -> require(identifier(text(parser)));
        case "cross_border" -> {
          JsonToken token = parser.nextToken();
          require(token == JsonToken.VALUE_TRUE || token == JsonToken.VALUE_FALSE);
          border = token == JsonToken.VALUE_TRUE;
        }
        default -> require(false);
      }
    }
    require(identifier(transaction) && exchange != null && SLUG.matcher(exchange).matches());
    require(product != null && PRODUCTS.contains(product) && border != null && amount != null && currency != null);
    Integer exponent = exponents.get(currency);
    require(exponent != null);
    return new Data(exchange + '|' + product + '|' + currency + '|' + border, minor(amount, exponent));
  }

  private static long minor(String amount, int exponent) {
    int point = amount.indexOf('.');
    int decimals = point < 0 ? 0 : amount.length() - point - 1;
    int digits = amount.length() - (point < 0 ? 0 : 1);
    require(point != 0 && (point < 0 || decimals > 0) && decimals <= exponent && digits > 0 && digits <= DIGITS);
    long minor = 0;
    for (int at = 0; at < amount.length(); at++) {
      if (at != point) {
        int digit = amount.charAt(at) - '0';
        require(digit >= 0 && digit <= 9);
        minor = minor * 10 + digit;
      }
    }
    for (int more = decimals; more < exponent; more++) {
      minor = Math.multiplyExact(minor, 10L);
    }
    require(minor > 0);
    return minor;
  }

  private static boolean identifier(String text) {
    if (text == null || text.isEmpty() || text.length() > 256) {
      return false;
    }
    for (int at = 0; at < text.length(); at++) {
      if (Character.isISOControl(text.charAt(at))) {
        return false;
      }
    }
    return true;
  }

  private static String text(JsonParser parser) throws IOException {
    require(parser.nextToken() == JsonToken.VALUE_STRING);
    return parser.getText();
  }

  private static void require(boolean holds) {
    if (!holds) {
      throw new IllegalArgumentException();
    }
  }
}
